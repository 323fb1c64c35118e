"""What tables of the programme are made of: a town's column, numbers, references in a town."""

from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, String

from backend.ledger.schema import ledger_column as town_column
from backend.ledger.schema import metadata as metadata

__all__ = ["by", "metadata", "number", "of", "text", "town_column"]


def number(name: str, *, nullable: bool = False) -> Column[Any]:
    """A whole number: an id, an amount, grams, seconds."""
    return Column(name, BigInteger, nullable=nullable)


def text(name: str, length: int, *, nullable: bool = False) -> Column[Any]:
    return Column(name, String(length), nullable=nullable)


def by(name: str) -> Column[Any]:
    """Whose decision it was: what `Who.signature` writes."""
    return text(name, 64)


def of(column: str, table: str, target: str = "id") -> ForeignKeyConstraint:
    """A reference inside the town: (ledger_id, column) -> table (ledger_id, target)."""
    return ForeignKeyConstraint(["ledger_id", column], [f"{table}.ledger_id", f"{table}.{target}"])
