"""From signed records to what is asked of the books: gathers the facts, applies the rules."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, select

from backend import tables as t
from backend.cards import caps
from backend.cards import service as cards
from backend.cards.service import PLAIN, Holder
from backend.deposits import provisional, receipts, rules, tokens
from backend.deposits.envelope import Signed, Unsigned
from backend.deposits.facts import View
from backend.deposits.receipts import Down
from backend.deposits.rules import NEW_EPOCH, Anchor, Facts, Moment, Neighbours
from backend.deposits.tokens import Seen
from backend.grading.service import grade_at
from backend.ledger import balances
from backend.ledger.tables import record as booked
from backend.ledger.transfers import Entry, Hold, Note, Sale, Suspend
from backend.services import Services
from backend.tariffs.service import rate_at

Journal = tuple[str, str]  # device, epoch


@dataclass(slots=True)
class _Times:
    """When the records of a batch's journals happened, as far as it is known."""

    anchors: dict[tuple[str, str, int], Anchor] = field(default_factory=dict)
    vouched: dict[Journal, dict[int, int]] = field(default_factory=dict)  # seq: effective_s

    def neighbours(self, journal: Journal, seq: int) -> Neighbours:
        known = self.vouched.get(journal, {})
        return Neighbours(known.get(seq - 1), known.get(seq + 1))


def entries(
    services: Services,
    conn: Connection,
    view: View,
    signed: Sequence[Signed],
    attestation_id: int | None,
) -> list[Entry]:
    """Judge signed records; the entries are in the order of the records."""
    times = _times(services, conn, signed)
    moments = _moments(times, signed)
    seen = tokens.seen(services, conn, view, signed, moments)
    hashes = {each.uid_hash for each in seen if each.uid_hash is not None}
    holders = cards.holders(conn, services.ledger_id, hashes)
    days = view.provisional_days()
    until_s = services.now_s() + days * provisional.DAY_S if days else None
    judged = [
        _entry(view, each, moment, card, holders, attestation_id, until_s)
        for each, moment, card in zip(signed, moments, seen, strict=True)
    ]
    return _capped(services, view, judged, seen)


def replies(services: Services, opened: Iterable[Signed | Unsigned]) -> list[Down]:
    """Answer the balance questions that are still fresh."""
    asks = [each for each in opened if isinstance(each, Signed) and "nonce" in each.body]
    if not asks:
        return []
    now_s = services.now_s()
    fresh = [ask for ask in asks if ask.received_s + ask.body["ttl_s"] >= now_s]
    services.answered.add("ask_expired", len(asks) - len(fresh))
    with services.read() as conn:
        view = services.facts.view(conn)
        return [_reply(services, conn, view, ask, now_s) for ask in fresh]


def _reply(services: Services, conn: Connection, view: View, ask: Signed, now_s: int) -> Down:
    services.answered.add("ask")
    uid_hash = tokens.read(services, view, ask).uid_hash
    found = cards.holders(conn, services.ledger_id, {uid_hash}) if uid_hash else {}
    holder = found.get(uid_hash) if uid_hash else None
    if holder is None:
        return receipts.answer(ask, None, "unknown_card")
    if not holder.active_at(now_s):
        return receipts.answer(ask, None, "blocked_card")
    balance = balances.balance(conn, services.ledger_id, holder.account_id)
    return receipts.answer(ask, balance.available, "")


def _entry(
    view: View,
    each: Signed,
    moment: Moment,
    card: Seen,
    holders: dict[bytes, Holder],
    attestation_id: int | None,
    until_s: int | None,
) -> Entry:
    body, device, card_hash = each.body, each.device, card.uid_hash
    fraction = body.get("fraction")
    now = view.device(device.id) or device
    point_id = now.point_at(moment.effective_s)
    grade, rate = None, None
    if fraction:
        at_s, known = moment.effective_s, view.inspections()
        grade = grade_at(known, fraction, at_s, device=device.id, point_id=point_id)
        rate = rate_at(view.tariffs(), fraction, at_s, grade, point_id)
    facts = Facts(
        moment=moment,
        confirmed=now.journals.get(body["epoch"], False),
        holder=holders.get(card_hash) if card_hash else None,
        rate=rate,
        max_g=now.max_g,
        card_doubt=card.doubt,
        until_s=until_s,
    )
    return Entry(
        key=tokens.record_key(each),
        kind=body["kind"],
        jws=each.jws.encode(),
        received_s=each.received_s,
        effective_s=moment.effective_s,
        wanted=rules.wanted(body, facts),
        attestation_id=attestation_id,
        basis=moment.basis,
        point_id=point_id,
        fraction=fraction,
        net_g=body.get("net_g"),
        grade=grade,
        tariff_id=rate.tariff_id if rate else None,
        amount_per_kg=rate.amount_per_kg if rate else None,
        card_ref=card_hash.hex() if card_hash else None,
    )


def _capped(
    services: Services, view: View, judged: list[Entry], seen: Sequence[Seen]
) -> list[Entry]:
    """Hold what plain cards bring beyond their day's cap; what may be paid later counts too.

    One short transaction, and none where no cap is in force.
    """
    uses = {
        index: use
        for index, (entry, card) in enumerate(zip(judged, seen, strict=True))
        if caps.cap_at(view.caps(), entry.effective_s) and (use := _use(entry, card)) is not None
    }
    if not uses:
        return judged
    with services.begin() as conn:
        room = caps.take(
            conn, services.ledger_id, view.caps(), view.timezone(), list(uses.values())
        )
    for (index, use), had in zip(uses.items(), room, strict=True):
        if not had:
            account_id = use.who if isinstance(use.who, int) else None
            hold = Hold("over_daily_cap", account_id=account_id, amount=use.amount)
            judged[index] = replace(judged[index], wanted=hold)
    return judged


def _use(entry: Entry, card: Seen) -> caps.Use | None:
    """What a deposit takes of a plain card's day; None for what no cap speaks of."""
    wanted = entry.wanted
    if card.tier != PLAIN or entry.kind != "deposit" or isinstance(wanted, Note | Sale):
        return None
    if isinstance(wanted, Hold) and wanted.reason != NEW_EPOCH and wanted.until_s is None:
        return None
    who = card.uid_hash if isinstance(wanted, Suspend) else wanted.account_id or card.uid_hash
    if who is None:
        return None
    return caps.Use(entry.key.name, who, entry.effective_s, entry.net_g or 0, wanted.amount)


def _moments(times: _Times, signed: Sequence[Signed]) -> list[Moment]:
    """Date the records in the order in which each journal wrote them."""
    dated: dict[int, Moment] = {}
    for index in sorted(range(len(signed)), key=lambda i: signed[i].body["seq"]):
        each = signed[index]
        body, device = each.body, each.device.id
        journal = (device, body["epoch"])
        anchor = times.anchors.get((*journal, body["boot"]))
        around = times.neighbours(journal, body["seq"])
        moment = rules.moment_of(body, each.received_s, anchor, around)
        if moment.basis != rules.RECEIVED:
            times.vouched.setdefault(journal, {})[body["seq"]] = moment.effective_s
        dated[index] = moment
    return [dated[index] for index in range(len(signed))]


def _times(services: Services, conn: Connection, signed: Sequence[Signed]) -> _Times:
    """Read the right moments and the dated neighbours that the books already have."""
    times, ledger_id = _Times(), services.ledger_id
    journals: dict[Journal, list[Signed]] = {}
    for each in signed:
        journals.setdefault((each.device.id, each.body["epoch"]), []).append(each)
    for (device, epoch), records in journals.items():
        clock = t.boot_clock.c
        query = select(clock.boot, clock.up_ms, clock.at_s).where(
            clock.ledger_id == ledger_id,
            clock.device == device,
            clock.epoch == epoch,
            clock.boot.in_({each.body["boot"] for each in records}),
        )
        for row in conn.execute(query):
            times.anchors[device, epoch, row.boot] = Anchor(row.up_ms, row.at_s)
        beside = {each.body["seq"] + step for each in records for step in (-1, 1)}
        dated = select(booked.c.seq, booked.c.effective_s).where(
            booked.c.ledger_id == ledger_id,
            booked.c.source_id == records[0].device.source_id,
            booked.c.epoch == int(epoch, 16),
            booked.c.seq.in_(beside),
            booked.c.basis != rules.RECEIVED,
        )
        times.vouched[device, epoch] = {row.seq: row.effective_s for row in conn.execute(dated)}
    return times
