"""What the programme's own rows must say of each other: queries as in `ledger.laws`.

`:l` is the ledger; `:kept_us` is the moment up to which answers to requests may be forgotten.
"""

from backend.ledger.laws import Law

# Joined as a set of its own: where no index leads to a group, SQLite would read all for each.
_OF_GROUPS = "LEFT JOIN (SELECT DISTINCT group_id FROM {} WHERE ledger_id = :l)"

# Of ledger tables alone, so that an export is asked too. Whoever holds money that somebody issues
# never owes it; of what else an officer may grant there is no second word to hold it against.
OF_TERMS = (
    Law(
        "I3",
        "an account may fall below 0 in money that is issued",
        """SELECT k.account_id, k.number, k.min_balance FROM currency_kind c
        JOIN money_kind m ON m.ledger_id = c.ledger_id AND m.code = c.kind
        JOIN currency u ON u.ledger_id = c.ledger_id AND u.id = c.currency_id
        JOIN account a ON a.ledger_id = c.ledger_id AND a.currency_id = c.currency_id
        JOIN account_terms k ON k.ledger_id = a.ledger_id AND k.account_id = a.id
        WHERE c.ledger_id = :l AND m.issued_by <> 'nobody' AND coalesce(k.min_balance, -1) < 0
        AND a.id NOT IN (u.issuer_account_id, 4)""",
    ),
)

LAWS = (
    Law(
        "I9",
        "a record's rate is not its tariff's",
        """SELECT r.source_id, r.seq, r.tariff_id, r.amount_per_kg FROM record r
        LEFT JOIN tariff_rate x ON x.ledger_id = r.ledger_id AND x.tariff_id = r.tariff_id
          AND x.fraction = r.fraction AND x.grade = r.grade AND x.amount_per_kg = r.amount_per_kg
        WHERE r.ledger_id = :l AND r.amount_per_kg IS NOT NULL AND x.tariff_id IS NULL""",
    ),
    Law(
        "I9",
        "a deposit is worth something and has no rate",
        """SELECT source_id, seq, amount FROM record WHERE ledger_id = :l AND kind = 'deposit'
        AND amount > 0 AND amount_per_kg IS NULL""",
    ),
    Law(
        "I4",
        "a redemption is not what was paid for it",
        """SELECT m.group_id, m.amount FROM redemption m WHERE m.ledger_id = :l AND NOT EXISTS (
        SELECT 1 FROM transfer x WHERE x.ledger_id = m.ledger_id AND x.group_id = m.group_id
          AND x.code = 5 AND x.credit = 3 AND x.amount = m.amount)""",
    ),
    Law(
        "I4",
        "a redemption is not what was handed out for it",
        """SELECT m.group_id, m.grams FROM redemption m WHERE m.ledger_id = :l AND NOT EXISTS (
        SELECT 1 FROM transfer x WHERE x.ledger_id = m.ledger_id AND x.group_id = m.group_id
          AND x.code = 7 AND x.credit = 12 AND x.amount = m.grams)""",
    ),
    Law(
        "I4",
        "credit was redeemed for nothing that is written down",
        """SELECT x.id, x.group_id FROM transfer x
        LEFT JOIN redemption m ON m.ledger_id = x.ledger_id AND m.group_id = x.group_id
        LEFT JOIN fee_discount f ON f.ledger_id = x.ledger_id AND f.group_id = x.group_id
          AND f.amount = x.amount
        LEFT JOIN settlement_paid p ON p.ledger_id = x.ledger_id AND p.group_id = x.group_id
        WHERE x.ledger_id = :l AND x.code = 5 AND x.state IN (0, 2)
        AND m.group_id IS NULL AND f.group_id IS NULL AND p.group_id IS NULL""",
    ),
    Law(
        "I10",
        "an attestation is not in the chain that checkpoints name",
        """SELECT a.id FROM attestation a
        LEFT JOIN attestation_link k ON k.ledger_id = a.ledger_id AND k.attestation_id = a.id
        WHERE a.ledger_id = :l AND k.number IS NULL""",
    ),
    Law(
        "I9",
        "a deposit from paper has not two signatures",
        """SELECT r.epoch, r.seq FROM record r
        JOIN device d ON d.ledger_id = r.ledger_id AND d.source_id = r.source_id
          AND d.id = 'paper-desk'
        WHERE r.ledger_id = :l AND r.kind = 'deposit' AND NOT EXISTS (
        SELECT 1 FROM paper_slip p JOIN paper_signature s
          ON s.ledger_id = p.ledger_id AND s.slip_id = p.id
        WHERE p.ledger_id = r.ledger_id AND p.book = r.epoch AND p.number = r.seq
          AND s.outcome = 'confirmed' AND s.signed_by <> p.entered_by
          AND p.gross_g - p.tare_g = r.net_g)""",
    ),
    Law(
        "I6",
        "a person's account is not theirs",
        """SELECT p.id AS person_id, p.account_id FROM person p
        LEFT JOIN account a ON a.ledger_id = p.ledger_id AND a.id = p.account_id
          AND a.owner_ref = 'person:' || CAST(p.id AS varchar(20))
        WHERE p.ledger_id = :l AND a.id IS NULL""",
    ),
    Law(
        "I6",
        "an account's owner is nobody who was enrolled",
        """SELECT a.id AS account_id, a.owner_ref FROM account a LEFT JOIN (
          SELECT DISTINCT CAST('person:' || CAST(id AS varchar(20)) AS varchar(40)) AS ref
          FROM person WHERE ledger_id = :l) p ON p.ref = a.owner_ref
        WHERE a.ledger_id = :l AND a.owner_ref LIKE 'person:%' AND p.ref IS NULL""",
    ),
    Law(
        "I6",
        "a person has two accounts of one currency",
        """SELECT owner_ref, currency_id, count(*) AS accounts FROM account
        WHERE ledger_id = :l AND owner_ref LIKE 'person:%'
        GROUP BY owner_ref, currency_id HAVING count(*) > 1""",
    ),
    Law(
        "I6",
        "money was moved and nobody is written down who asked for it",
        f"""SELECT x.id, x.group_id FROM transfer x
        LEFT JOIN booking b ON b.ledger_id = x.ledger_id AND b.group_id = x.group_id
        {_OF_GROUPS.format("settlement")} s ON s.group_id = x.group_id
        WHERE x.ledger_id = :l AND x.source_id IS NULL AND x.state < 2
        AND x.code IN (4, 8, 9, 10) AND b.group_id IS NULL AND s.group_id IS NULL""",
    ),
    Law(
        "I6",
        "a booking is of no transfer",
        """SELECT b.group_id, b.booked_by FROM booking b
        LEFT JOIN transfer x ON x.ledger_id = b.ledger_id AND x.id = b.group_id
          AND x.group_id = b.group_id
        WHERE b.ledger_id = :l AND x.id IS NULL""",
    ),
    Law(
        "I4",
        "a transfer was corrected and is not marked as such",
        """SELECT x.id, x.corrects_id FROM transfer x
        LEFT JOIN correction c ON c.ledger_id = x.ledger_id AND c.corrects_id = x.corrects_id
          AND c.group_id = x.group_id
        WHERE x.ledger_id = :l AND x.source_id IS NULL AND x.corrects_id IS NOT NULL
        AND c.group_id IS NULL""",
    ),
    Law(
        "I6",
        "the answer to a request was forgotten before its time",
        f"""SELECT x.group_id FROM transfer x
        {_OF_GROUPS.format("idempotency")} i ON i.group_id = x.group_id
        {_OF_GROUPS.format("paper_booking")} p ON p.group_id = x.group_id
        {_OF_GROUPS.format("settlement")} s ON s.group_id = x.group_id
        WHERE x.ledger_id = :l AND x.id = x.group_id AND x.recorded_us > :kept_us
        AND x.source_id IS NULL AND x.state < 2 AND x.code IN (4, 5, 8, 9)
        AND i.group_id IS NULL AND p.group_id IS NULL AND s.group_id IS NULL""",
    ),
    Law(
        "I6",
        "the answer to a request names no transfers, or not of its moment",
        """SELECT i.client, i.group_id FROM idempotency i
        LEFT JOIN transfer x ON x.ledger_id = i.ledger_id AND x.id = i.group_id
          AND x.group_id = i.group_id AND x.recorded_us = i.recorded_us
        WHERE i.ledger_id = :l AND i.group_id IS NOT NULL AND x.id IS NULL""",
    ),
    Law(
        "I9",
        "records were paid by a tariff that two people other than its drafter have not approved",
        """SELECT t.id AS tariff_id, t.drafted_by FROM tariff t
        JOIN (SELECT DISTINCT tariff_id FROM record WHERE ledger_id = :l) r ON r.tariff_id = t.id
        LEFT JOIN tariff_approval a ON a.ledger_id = t.ledger_id AND a.tariff_id = t.id
          AND t.drafted_by <> 'staff:' || CAST(a.staff_id AS varchar(20))
        WHERE t.ledger_id = :l AND t.drafted_by <> 'town file'
        GROUP BY t.id, t.drafted_by HAVING count(a.staff_id) < 2""",
    ),
    Law(
        "I8",
        "a held record was credited by time before its time",
        """SELECT s.source_id, s.seq, r.until_s FROM resolution s JOIN record r
        ON r.ledger_id = s.ledger_id AND r.source_id = s.source_id AND r.epoch = s.epoch
          AND r.seq = s.seq
        WHERE s.ledger_id = :l AND s.decided_by = 'programme'
        AND s.recorded_us < (coalesce(r.until_s, 9000000000) - 1) * 1000000""",
    ),
    Law(
        "I9",
        "a town is founded with its first tariff alone",
        """SELECT t.id AS tariff_id FROM tariff t JOIN tariff o
        ON o.ledger_id = t.ledger_id AND o.id < t.id
        WHERE t.ledger_id = :l AND t.drafted_by = 'town file'""",
    ),
)
