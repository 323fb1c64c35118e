"""The kinds of money that a ledger is opened with, as rows; a town may add its own.

Nothing else in the ledger knows these words: rules ask what a kind's row says.
"""

from sqlalchemy import Connection, insert

from backend.ledger import rule_tables as r
from backend.ledger.transfers import Code

# code, issued_by, restricted, convertible
KINDS = (
    ("waste_credit", "records", False, True),
    ("goods", "town", False, True),
    ("restricted_aid", "town", True, True),
    ("hours", "nobody", False, False),
    ("mutual_credit", "nobody", False, True),
)
# currency_id, kind
CURRENCIES = ((1, "waste_credit"), (2, "goods"))
# kind, code, other_kind, other_code
CROSSINGS = (("goods", Code.HAND_OVER, "waste_credit", Code.REDEEM),)
FOUNDING = "founding"


def found(conn: Connection, ledger_id: int) -> None:
    """Writes the first rows of a ledger whose currencies are there."""
    decided = {"ledger_id": ledger_id, "from_id": 1, "decided_by": FOUNDING}
    names = ("code", "issued_by", "restricted", "convertible")
    conn.execute(
        insert(r.money_kind), [dict(zip(names, kind, strict=True)) | decided for kind in KINDS]
    )
    conn.execute(
        insert(r.currency_kind),
        [
            {"currency_id": currency_id, "kind": kind, "member_min": 0, **decided}
            for currency_id, kind in CURRENCIES
        ],
    )
    names = ("kind", "code", "other_kind", "other_code")
    conn.execute(
        insert(r.crossing),
        [
            {**dict(zip(names, pair, strict=True)), "number": number, "allowed": True, **decided}
            for number, pair in enumerate(CROSSINGS, start=1)
        ],
    )
