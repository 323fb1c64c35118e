"""The invariants that are questions to the database: each selects the rows that break it.

Every query yields rows whose columns name the offender. `:l` is the ledger. The verifier folds
the other invariants from the transfers themselves. What the poster writes is a microsecond later
than what it wrote before: so a row beside a transfer cannot say another moment than it had.
"""

from typing import NamedTuple


class Law(NamedTuple):
    """An invariant's name, what a broken one means, and the rows that break it."""

    invariant: str
    words: str
    query: str


def _same(a: str, b: str) -> str:
    """Two rows of one record's name."""
    names = ("ledger_id", "source_id", "epoch", "seq")
    return " AND ".join(f"{a}.{name} = {b}.{name}" for name in names)


# What speaks of a record is of one that is there.
_OF_RECORDS = tuple(
    Law(
        "I6",
        f"a {name} is of no record",
        f"""SELECT s.source_id, s.epoch, s.seq FROM {name} s
        LEFT JOIN record r ON {_same("r", "s")} WHERE s.ledger_id = :l AND r.seq IS NULL""",
    )
    for name in ("resolution", "claim", "quarantine")
)

LAWS = (
    *_OF_RECORDS,
    Law(
        "I4",
        "an account's currency is gone",
        """SELECT a.id AS account_id, a.currency_id FROM account a LEFT JOIN currency u
        ON u.ledger_id = a.ledger_id AND u.id = a.currency_id
        WHERE a.ledger_id = :l AND u.id IS NULL""",
    ),
    Law(
        "I10",
        "a checkpoint is of a log that is gone",
        """SELECT c.origin_no, c.size FROM checkpoint c LEFT JOIN log_origin o
        ON o.ledger_id = c.ledger_id AND o.number = c.origin_no
        WHERE c.ledger_id = :l AND o.number IS NULL""",
    ),
    Law(
        "I10",
        "the log before this one is gone",
        """SELECT o.number FROM log_origin o LEFT JOIN log_origin b
        ON b.ledger_id = o.ledger_id AND b.number = o.number - 1
        WHERE o.ledger_id = :l AND o.number > 1 AND b.number IS NULL""",
    ),
    Law(
        # How much later it was signed nobody says: the next transfer need not have come.
        "I10",
        "a checkpoint is older than the last transfer that it names",
        """SELECT c.origin_no, c.size FROM checkpoint c
        JOIN transfer x ON x.ledger_id = c.ledger_id AND x.id = c.size
        WHERE c.ledger_id = :l AND c.recorded_us <= x.recorded_us
        AND c.origin_no = (SELECT max(number) FROM log_origin WHERE ledger_id = :l)""",
    ),
    Law(
        "I6",
        "other bytes came under a record's name before it did",
        f"""SELECT q.source_id, q.epoch, q.seq FROM quarantine q
        JOIN record r ON {_same("r", "q")}
        WHERE q.ledger_id = :l AND q.recorded_us <= r.recorded_us""",
    ),
    Law(
        "I2",
        "an account has no counters",
        """SELECT a.id AS account_id FROM account a LEFT JOIN account_balance b
        ON b.ledger_id = a.ledger_id AND b.account_id = a.id
        WHERE a.ledger_id = :l AND b.account_id IS NULL""",
    ),
    Law(
        "I3",
        "an account has no first terms",
        """SELECT a.id AS account_id FROM account a LEFT JOIN account_terms k
        ON k.ledger_id = a.ledger_id AND k.account_id = a.id AND k.number = 0
        WHERE a.ledger_id = :l AND k.number IS NULL""",
    ),
    Law(
        "I3",
        "terms are of no account",
        """SELECT k.account_id, k.number FROM account_terms k LEFT JOIN account a
        ON a.ledger_id = k.ledger_id AND a.id = k.account_id
        WHERE k.ledger_id = :l AND a.id IS NULL""",
    ),
    Law(
        "I3",
        "an account's terms are not one after another",
        """SELECT a.account_id, a.number FROM account_terms a
        LEFT JOIN account_terms b ON b.ledger_id = a.ledger_id AND b.account_id = a.account_id
          AND b.number = a.number - 1 AND b.from_id <= a.from_id
        WHERE a.ledger_id = :l AND a.number > 0 AND b.number IS NULL""",
    ),
    Law(
        "I6",
        "a record's transfer is not the one it speaks of, or not of its moment",
        f"""SELECT r.source_id, r.epoch, r.seq, r.transfer_id FROM record r
        LEFT JOIN transfer x ON {_same("x", "r")} AND x.id = r.transfer_id
          AND x.leg = 0 AND x.code = 1 AND x.hash = r.hash AND x.amount = r.amount
          AND x.effective_s = r.effective_s AND x.recorded_us = r.recorded_us - 1
          AND x.credit = CASE r.outcome WHEN 'credited' THEN r.account_id ELSE 2 END
        WHERE r.ledger_id = :l AND r.transfer_id IS NOT NULL AND x.id IS NULL""",
    ),
    Law(
        "I6",
        "a transfer names a record that is not in the books, or other bytes",
        f"""SELECT x.id, x.source_id, x.epoch, x.seq FROM transfer x
        LEFT JOIN record r ON {_same("r", "x")} AND r.hash = x.hash
        WHERE x.ledger_id = :l AND x.source_id IS NOT NULL AND r.seq IS NULL""",
    ),
    Law(
        "I6",
        "a record's outcome and its transfer do not fit",
        """SELECT source_id, epoch, seq, outcome FROM record WHERE ledger_id = :l AND (
        (outcome = 'credited' AND (amount > 0) <> (transfer_id IS NOT NULL))
        OR (outcome IN ('held', 'queued', 'noted') AND transfer_id IS NOT NULL))""",
    ),
    Law(
        "I6",
        "a record was resolved that nobody had to resolve, or before it came",
        f"""SELECT s.source_id, s.epoch, s.seq FROM resolution s JOIN record r ON {_same("r", "s")}
        WHERE s.ledger_id = :l AND (r.outcome NOT IN ('held', 'suspended', 'queued')
          OR s.recorded_us <= r.recorded_us)""",
    ),
    Law(
        "I6",
        "a resolution's transfer is not the one it speaks of, or not of its moment",
        f"""SELECT s.source_id, s.epoch, s.seq, s.transfer_id FROM resolution s
        LEFT JOIN transfer x ON {_same("x", "s")} AND x.id = s.transfer_id
          AND x.recorded_us = s.recorded_us - 1
          AND (s.outcome = 'refused' OR (x.credit = s.account_id AND x.amount = s.amount))
        WHERE s.ledger_id = :l AND ((s.transfer_id IS NOT NULL AND x.id IS NULL)
          OR (s.outcome = 'credited' AND s.amount > 0 AND s.transfer_id IS NULL))""",
    ),
    Law(
        "I6",
        "a refusal pays somebody, or does not take back what was minted",
        f"""SELECT s.source_id, s.epoch, s.seq FROM resolution s JOIN record r ON {_same("r", "s")}
        LEFT JOIN transfer x ON {_same("x", "s")} AND x.id = s.transfer_id
          AND x.code = 4 AND x.debit = 2 AND x.credit = 1 AND x.amount = r.amount
        WHERE s.ledger_id = :l AND s.outcome = 'refused' AND (s.amount <> 0
          OR s.account_id IS NOT NULL OR (s.transfer_id IS NULL) <> (x.id IS NULL)
          OR (r.outcome = 'suspended' AND r.transfer_id IS NOT NULL) <> (x.id IS NOT NULL))""",
    ),
    Law(
        "I6",
        "a transfer of a record is not the one its record or resolution speaks of",
        f"""SELECT x.id FROM transfer x LEFT JOIN record r ON {_same("r", "x")}
        LEFT JOIN resolution s ON {_same("s", "x")}
        WHERE x.ledger_id = :l AND x.source_id IS NOT NULL AND x.code NOT IN (11, 12)
        AND x.id <> coalesce(r.transfer_id, 0) AND x.id <> coalesce(s.transfer_id, 0)""",
    ),
    Law(
        "I4",
        "a sale is not what was paid for it",
        f"""SELECT r.source_id, r.epoch, r.seq, r.amount FROM record r
        WHERE r.ledger_id = :l AND (r.outcome = 'noted' OR r.kind = 'sale') AND r.amount <> (
        SELECT coalesce(sum(x.amount), 0) FROM transfer x WHERE {_same("x", "r")}
        AND x.hash = r.hash AND x.code IN (11, 12))""",
    ),
    Law(
        "I4",
        "what a payer lacked was not borne by the shortfall account, or without a sale",
        """SELECT id FROM transfer WHERE ledger_id = :l AND ((debit = 4) <> (code = 12)
        OR (code IN (11, 12) AND source_id IS NULL))""",
    ),
    Law(
        "I8",
        "a hold is settled by a transfer that is not its own",
        """SELECT x.id, x.pending_id FROM transfer x
        LEFT JOIN transfer p ON p.ledger_id = x.ledger_id AND p.id = x.pending_id AND p.state = 1
          AND p.id < x.id AND p.debit = x.debit AND p.credit = x.credit AND p.amount >= x.amount
        WHERE x.ledger_id = :l AND x.state >= 2 AND p.id IS NULL""",
    ),
    Law(
        "I8",
        "a hold is settled more than once",
        """SELECT pending_id, count(*) FROM transfer
        WHERE ledger_id = :l AND pending_id IS NOT NULL GROUP BY pending_id HAVING count(*) > 1""",
    ),
    Law(
        "I8",
        "a hold that nobody settled is not in the list of open ones",
        """SELECT x.id FROM transfer x
        LEFT JOIN transfer y ON y.ledger_id = x.ledger_id AND y.pending_id = x.id
        LEFT JOIN hold_open h ON h.ledger_id = x.ledger_id AND h.transfer_id = x.id
          AND h.debit = x.debit AND h.credit = x.credit AND h.amount = x.amount
        WHERE x.ledger_id = :l AND x.state = 1 AND y.id IS NULL AND h.transfer_id IS NULL""",
    ),
    Law(
        "I8",
        "the list of open holds has one that is settled or never was",
        """SELECT h.transfer_id FROM hold_open h
        LEFT JOIN transfer x ON x.ledger_id = h.ledger_id AND x.id = h.transfer_id AND x.state = 1
        LEFT JOIN transfer y ON y.ledger_id = h.ledger_id AND y.pending_id = h.transfer_id
        WHERE h.ledger_id = :l AND (x.id IS NULL OR y.id IS NOT NULL)""",
    ),
    Law(
        "I8",
        "a hold waits on other terms than were agreed, or on none",
        """SELECT x.id FROM transfer x
        LEFT JOIN hold_terms k ON k.ledger_id = x.ledger_id AND k.transfer_id = x.id
        LEFT JOIN hold_open h ON h.ledger_id = x.ledger_id AND h.transfer_id = x.id
        WHERE x.ledger_id = :l AND x.state = 1 AND (k.transfer_id IS NULL
          OR h.expires_s <> k.expires_s OR h.on_expiry <> k.on_expiry)""",
    ),
    Law(
        # Holds that are settled together are asked once, at most MAX_LEGS moments before.
        "I8",
        "a hold whose time had run out did not end as was agreed",
        """SELECT y.id, y.pending_id FROM transfer y
        JOIN transfer p ON p.ledger_id = y.ledger_id AND p.id = y.pending_id
        JOIN hold_terms k ON k.ledger_id = y.ledger_id AND k.transfer_id = y.pending_id
        WHERE y.ledger_id = :l AND y.recorded_us > k.expires_s * 1000000 + 64 AND (
        y.amount <> p.amount OR y.state <> CASE k.on_expiry WHEN 'post' THEN 2 ELSE 3 END)""",
    ),
    Law(
        "I4",
        "a correction does not go back the way of what it corrects",
        """SELECT x.id, x.corrects_id FROM transfer x
        LEFT JOIN transfer y ON y.ledger_id = x.ledger_id AND y.id = x.corrects_id AND y.id < x.id
          AND y.debit = x.credit AND y.credit = x.debit
        WHERE x.ledger_id = :l AND x.corrects_id IS NOT NULL AND x.source_id IS NULL
        AND y.id IS NULL""",
    ),
    Law(
        "I4",
        "more was taken back of a transfer than it moved",
        """SELECT y.id, y.amount, sum(x.amount) AS taken_back FROM transfer x
        JOIN transfer y ON y.ledger_id = x.ledger_id AND y.id = x.corrects_id
        WHERE x.ledger_id = :l AND x.corrects_id IS NOT NULL AND x.source_id IS NULL
        GROUP BY y.id, y.amount HAVING sum(x.amount) > y.amount""",
    ),
    Law(
        "I9",
        "a record's amount is not its weight times its tariff",
        """SELECT source_id, epoch, seq, amount FROM record
        WHERE ledger_id = :l AND amount_per_kg IS NOT NULL AND net_g >= 0
        AND amount <> (net_g * amount_per_kg + 500) / 1000""",
    ),
    Law(
        "I9",
        "credits were issued without a record",
        """SELECT id FROM transfer WHERE ledger_id = :l AND source_id IS NULL
        AND (code = 1 OR debit = 1)""",
    ),
    Law(
        "I9",
        "a queued record has no claim, or not of its amount",
        f"""SELECT r.source_id, r.epoch, r.seq FROM record r
        LEFT JOIN claim c ON {_same("c", "r")}
          AND c.amount = r.amount AND c.account_id = r.account_id
        WHERE r.ledger_id = :l AND r.outcome = 'queued' AND c.seq IS NULL""",
    ),
    Law(
        "I9",
        "a claim is neither open nor resolved, or it is both",
        f"""SELECT c.source_id, c.epoch, c.seq FROM claim c
        LEFT JOIN claim_open o ON {_same("o", "c")} AND o.effective_s = c.effective_s
        LEFT JOIN resolution s ON {_same("s", "c")}
        WHERE c.ledger_id = :l AND (o.seq IS NULL) = (s.seq IS NULL)""",
    ),
    Law(
        "I9",
        "a claim is not of its record's day and moment, or was not paid as it was promised",
        f"""SELECT c.source_id, c.epoch, c.seq FROM claim c JOIN record r ON {_same("r", "c")}
        LEFT JOIN resolution s ON {_same("s", "c")}
        WHERE c.ledger_id = :l AND (c.effective_s <> r.effective_s
          OR (r.outcome = 'queued') <> (c.recorded_us = r.recorded_us - 1)
          OR (r.outcome <> 'queued' AND c.recorded_us <= r.recorded_us)
          OR s.recorded_us <= c.recorded_us
          OR (s.outcome = 'credited'
            AND (s.amount <> c.amount OR s.account_id <> c.account_id)))""",
    ),
    Law(
        "I9",
        "a budget's counter is not what was minted in its period",
        """SELECT b.from_s, b.spent FROM budget b WHERE b.ledger_id = :l AND b.spent <> (
        SELECT coalesce(sum(x.amount), 0) FROM transfer x WHERE x.ledger_id = :l AND x.code = 1
        AND x.recorded_us >= b.from_s * 1000000 AND x.recorded_us < b.until_s * 1000000)""",
    ),
)
