"""The clients' logs against the books: lost, doubled, conserved."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from backend.ledger import accounts, balances
from backend.ledger import tables as t
from backend.ledger.errors import NotResolvable, Refused
from backend.ledger.holds import Settle, Void
from backend.ledger.log import SignLog
from backend.ledger.resolve import Amend, Amended, Resolution, Resolved
from backend.ledger.transfers import CREDITED, Credit, Entry, Group, Outcome, Posted
from backend.ledger.verify import verify
from farz.demo import say
from farz.drills.clients import Till


class Verdict(NamedTuple):
    """`lost`: told, not in the books. `doubled`: in the books, told by nobody, or told twice."""

    lost: int
    doubled: int
    conserved: bool


class Judge:
    """Reads the books once and goes through every log."""

    def __init__(self, conn: Connection, ledger_id: int) -> None:
        self._right = verify(conn, ledger_id)
        where = [table.c.ledger_id == ledger_id for table in (t.transfer, t.record, t.resolution)]
        self._transfers = {
            row.id: (row.debit, row.credit, row.amount)
            for row in conn.execute(select(t.transfer).where(where[0]))
        }
        self._records = {
            (row.source_id, row.epoch, row.seq): row
            for row in conn.execute(select(t.record).where(where[1]))
        }
        self._resolutions = {
            (row.source_id, row.epoch, row.seq): row
            for row in conn.execute(select(t.resolution).where(where[2]))
        }
        terms, notes = t.account_terms.c, t.checkpoint.c
        self._terms = {
            tuple(row)
            for row in conn.execute(
                select(terms.account_id, terms.from_id, terms.min_balance, terms.max_balance,
                       terms.closed).where(terms.ledger_id == ledger_id)
            )
        }  # fmt: skip
        self._notes = set(conn.scalars(select(notes.note).where(notes.ledger_id == ledger_id)))
        self._spoken: dict[int, object] = {}
        self._expected: Counter[int] = Counter()
        self._lost: list[str] = []
        self._doubled: list[str] = []
        self._conn, self._ledger_id = conn, ledger_id

    def judge(self, tills: Sequence[Till], members: Sequence[int]) -> Verdict:
        """Compares every answer with the rows, and every row with an answer."""
        for till in tills:
            for number, answer in till.told.items():
                self._weigh(till.asked[number], answer)
        unspoken = self._transfers.keys() - self._spoken.keys()
        self._doubled += [f"nobody was told of transfer {number}" for number in unspoken]
        held = balances.balances(self._conn, self._ledger_id, [*members, accounts.SUSPENSE])
        wrong = [a for a in held if held[a].posted != self._expected[a]]
        for words in (*self._right.problems, *self._lost, *self._doubled):
            say(str(words))
        for account in wrong:
            say(f"account {account}: {held[account].posted}, not {self._expected[account]}")
        right = self._right.ok and not wrong
        return Verdict(len(self._lost), len(self._doubled), right)

    def _weigh(self, request: Any, answer: Any) -> None:
        match request, answer:
            case Entry(), Outcome():
                self._record(request, answer)
            case Group(), Posted():
                for leg, number in zip(request.legs, answer.transfer_ids, strict=True):
                    self._speak(number, request.idempotency, leg.debit, leg.credit, leg.amount,
                                moves=leg.hold is None)  # fmt: skip
            case Settle(hold_id, amount), Posted():
                self._hold(hold_id, amount, request.idempotency, answer.group_id, moves=True)
            case Void(hold_id), Posted():
                self._hold(hold_id, None, request.idempotency, answer.group_id, moves=False)
            case Resolution(), Resolved() | NotResolvable():
                self._resolution(request, answer)
            case Amend(number, low, high, closed), Amended():
                if (number, answer.from_id, low, high, closed) not in self._terms:
                    self._lost.append(f"{request} was told {answer}")
            case SignLog(), str() | None:
                if answer is not None and answer not in self._notes:
                    self._lost.append(f"a checkpoint was signed and is not kept: {answer}")
            case _, Refused():
                return
            case _:
                self._lost.append(f"{request} was told {answer!r}")

    def _record(self, entry: Entry, told: Outcome) -> None:
        row = self._records.get(entry.key.name)
        if told.outcome == "quarantined":
            return
        if row is None or (row.outcome, row.amount, row.transfer_id) != (
            told.outcome,
            told.amount,
            told.transfer_id,
        ):
            self._lost.append(f"record {entry.key.name} was told {told}")
        elif told.transfer_id is not None:
            wanted, paid = entry.wanted, told.outcome == CREDITED
            payee = wanted.account_id if isinstance(wanted, Credit) and paid else accounts.SUSPENSE
            self._speak(told.transfer_id, entry.key.name, accounts.ISSUER, payee, told.amount)

    def _resolution(self, asked: Resolution, told: Any) -> None:
        """'Resolved before' is the answer to a repeat: the first answer was lost, not the word."""
        row = self._resolutions.get(asked.name)
        if row is None or (isinstance(told, Resolved) and told.transfer_id != row.transfer_id):
            self._lost.append(f"the last word on {asked.name} was told {told!r}")
        elif row.transfer_id is not None:
            debit, credit, amount = self._transfers[row.transfer_id]
            if credit not in (asked.account_id, accounts.ISSUER):
                self._lost.append(f"the last word on {asked.name} paid {credit}")
            self._speak(row.transfer_id, ("word", asked.name), debit, credit, amount)

    def _hold(
        self, hold_id: int, part: int | None, name: object, number: int, *, moves: bool
    ) -> None:
        """The end of a hold names the accounts of its beginning."""
        debit, credit, whole = self._transfers[hold_id]
        amount = whole if part is None else part
        self._speak(number, name, debit, credit, amount, moves=moves)

    def _speak(
        self, number: int, name: object, debit: int, credit: int, amount: int, moves: bool = True
    ) -> None:
        """Somebody was told of a transfer: it must be there, as told, and be nobody else's."""
        if self._transfers.get(number) != (debit, credit, amount):
            self._lost.append(f"transfer {number} of {amount} from {debit} to {credit}")
            return
        if number not in self._spoken and moves:
            self._expected[debit] -= amount
            self._expected[credit] += amount
        elif self._spoken.get(number, name) != name:
            self._doubled.append(f"transfer {number} is told as {name} and as another")
        self._spoken[number] = name
