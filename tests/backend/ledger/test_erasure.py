"""A person's bytes can be sealed and erased; nothing else of a record can be changed."""

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from backend import db
from backend.ledger import erasure
from backend.ledger import tables as t
from backend.ledger.transfers import Credit
from backend.ledger.verify import verify
from backend.vault import Vault
from tests.backend.ledger.town import NOW_S, TOWN, Town, done, entry

VAULT = Vault(bytes(range(32)))


def earned(town: Town, count: int) -> int:
    """A member with that many records."""
    member = town.account()
    for seq in range(count):
        done(town.poster.submit(entry(seq, Credit(member, 5))))
    return member


def test_sealed_bytes_are_opened_while_their_key_is_there(town: Town) -> None:
    member = earned(town, 3)
    with db.read(town.engine) as conn:
        plain = [bytes(jws) for jws in conn.scalars(select(t.record.c.jws))]

    with db.begin(town.engine) as conn:
        assert erasure.seal_person(conn, TOWN, member, VAULT) == 3
        assert erasure.seal_person(conn, TOWN, member, VAULT) == 0

    with db.read(town.engine) as conn:
        opener = erasure.Opener(conn, TOWN, VAULT)
        rows = conn.execute(select(t.record)).all()
        assert sorted(opener.open(row) or b"" for row in rows) == sorted(plain)
        assert not {bytes(row.jws) for row in rows} & set(plain)
        report = verify(conn, TOWN, vault=VAULT)
    assert (report.ok, report.erased, report.sealed) == (True, 0, 3)


def test_after_erasure_a_commitment_is_left(town: Town) -> None:
    member = earned(town, 3)

    with db.begin(town.engine) as conn:
        assert erasure.erase_person(conn, TOWN, member, VAULT, NOW_S) == 1

    with db.read(town.engine) as conn:
        opener = erasure.Opener(conn, TOWN, VAULT)
        assert [opener.open(row) for row in conn.execute(select(t.record))] == [None] * 3
        report = verify(conn, TOWN, vault=VAULT)
    assert (report.ok, report.erased) == (True, 3), report.problems


def test_a_sealed_record_that_was_altered_is_named(town: Town) -> None:
    member = earned(town, 1)
    town.spoiled = True
    with db.begin(town.engine) as conn:
        conn.execute(
            text("UPDATE record SET jws = :jws, sealed_for = 5"), {"jws": b"not what was signed"}
        )
        conn.execute(
            t.person_key.insert().values(
                ledger_id=TOWN,
                id=5,
                account_id=member,
                sealed=VAULT.wrap(bytes(32), f"person key {TOWN}/5"),
            )
        )

    with db.read(town.engine) as conn:
        report = verify(conn, TOWN, vault=VAULT)
    assert [problem.invariant for problem in report.problems] == ["I6"]


@pytest.mark.parametrize(
    "change",
    [
        "jws = 'other'",
        "sealed_for = 5, amount = 7",
        "sealed_for = 5, hash = jws",
        "sealed_for = 5, account_id = NULL",
        "reason = 'because'",
    ],
)
def test_no_other_change_of_a_record_is_let_through(town: Town, change: str) -> None:
    earned(town, 1)

    with pytest.raises(DatabaseError, match="append-only"), db.begin(town.engine) as conn:
        conn.execute(text(f"UPDATE record SET {change}"))


def test_what_is_sealed_is_not_sealed_again_nor_opened_in_place(town: Town) -> None:
    member = earned(town, 1)
    with db.begin(town.engine) as conn:
        erasure.seal_person(conn, TOWN, member, VAULT)

    for change in ("sealed_for = 9", "sealed_for = NULL"):
        with pytest.raises(DatabaseError, match="append-only"), db.begin(town.engine) as conn:
            conn.execute(text(f"UPDATE record SET {change}"))
