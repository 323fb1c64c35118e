"""Sign-ins and wrong tries: tables of their own, kept apart from the books and their migrations.

They are made where they are missing. Whoever loses them signs in again, and nothing else is lost.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table

from backend.ledger.tables import metadata

sign_ins = MetaData(naming_convention=metadata.naming_convention)

session = Table(
    "session",
    sign_ins,
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("ledger_id", Integer, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("subject_id", BigInteger, nullable=False),
    Column("created_s", BigInteger, nullable=False),
    Column("expires_s", BigInteger, nullable=False),
    Index("ix_session_subject", "ledger_id", "kind", "subject_id"),
)

wrong_try = Table(
    "wrong_try",
    sign_ins,
    Column("name_hash", String(64), primary_key=True),
    Column("n", Integer, nullable=False),
    Column("first_s", BigInteger, nullable=False),
)
