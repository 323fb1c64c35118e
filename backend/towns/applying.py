"""Makes of a town's file what is not there yet: applied twice, it changes nothing the second time.

The first time it founds the town, with its first open tariff in force by the file itself; every
tariff that comes later is a draft for two approvers. What a file leaves out is left alone, and so
is what somebody has decided otherwise since, unless that is to be overwritten.
"""

import secrets
from dataclasses import dataclass, field

from sqlalchemy import Connection, Table, select

from backend import tables as t
from backend.access import service as access
from backend.budgets import coverage
from backend.budgets import service as budgets
from backend.budgets.coverage import DisposalCost
from backend.cards import caps
from backend.cards.tables import plain_cap
from backend.compost import service as compost
from backend.deposits import provisional
from backend.deposits.tables import provisional as waits
from backend.devices import service as devices
from backend.errors import Conflict, NotFounded
from backend.kinds import melting
from backend.ledger import tables as ledger
from backend.ledger.accounts import CREDIT
from backend.ledger.melt_terms import DEMURRAGE, EXPIRY, Melting
from backend.ledger.rules import DecideMelting
from backend.services import Services
from backend.tariffs import service as tariffs
from backend.towns import secret
from backend.towns import service as towns
from backend.towns.plan import Budget, Cards, Plan, Tariff
from backend.towns.tables import town_backing

BY = tariffs.FOUNDING
LATER = "a later town file"  # it only drafts: two people approve
TOO_FEW = (
    "A tariff is drafted by one and approved by two others: there are too few of the staff for "
    "that. Add them: farz staff add LOGIN --role municipal_officer"
)


@dataclass(slots=True)
class Applied:
    """What was done, in sentences; `secrets` are shown once: (whose, password or key in hex).

    `since` is what somebody has decided otherwise since a file said it; `notes` want a person.
    """

    overwrite: bool = False
    done: list[str] = field(default_factory=list)
    since: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    secrets: list[tuple[str, str]] = field(default_factory=list)


def apply(services: Services, plan: Plan, *, overwrite: bool = False) -> Applied:
    """Bring the town to its file. Raises Conflict where the two contradict each other.

    What somebody has decided otherwise since is such a contradiction, unless `overwrite`.
    """
    applied = Applied(overwrite)
    with services.begin() as conn:
        _town(services, conn, plan, applied)
        _staff(services, conn, plan, applied)
        places = _points(services, conn, plan, applied)
        _devices(services, conn, plan, places, applied)
        for tariff in plan.tariffs:
            _tariff(services, conn, tariff, places, plan.town.timezone, applied)
        _products(services, conn, plan, applied)
        _caps(services, conn, plan, applied)
        _provisional(services, conn, plan, applied)
        _factors(services, conn, plan, applied)
        founding = _melting(services, conn, plan, applied)
        due = _budgets(services, conn, plan, applied)
        _nothing_decided_since(applied)
        _approvers(services, conn, applied)
    for each in due:
        budgets.set_budget(
            services,
            from_s=int(each.since.timestamp()),
            until_s=int(each.until.timestamp()),
            amount=each.amount,
            decided_by=BY,
        )
        applied.done.append(f"budget of {each.amount} from {each.since.isoformat()}")
    if founding is not None:
        services.poster.submit(DecideMelting(CREDIT, founding, BY)).result()
        applied.done.append(f"credit melts by {founding.way}")
    return applied


def _may_replace(conn: Connection, applied: Applied, table: Table, words: str, **key: int) -> bool:
    """Whether the newest decision in `table` was a file's; else `words` say what was decided."""
    row = table.c
    mine = [row[name] == value for name, value in key.items()]
    query = select(row.decided_by).where(*mine).order_by(row.from_s.desc()).limit(1)
    decided_by = conn.scalar(query)
    if decided_by in (None, BY) or applied.overwrite:
        return True
    applied.since.append(f"{words} (decided by {decided_by})")
    return False


def _nothing_decided_since(applied: Applied) -> None:
    if applied.since:
        raise Conflict(
            "Nothing was changed, for this was decided since, and the file says otherwise:\n"
            + "\n".join(f"  {each}" for each in applied.since)
            + "\nWrite it into the file as it is, or give --overwrite."
        )


def _budgets(services: Services, conn: Connection, plan: Plan, applied: Applied) -> list[Budget]:
    """The periods to set, all that could refuse one of them looked at before anything is changed.

    Raises Conflict for a period that shares days with another.
    """
    now_s, row, due = services.now_s(), ledger.budget.c, []
    query = select(row.from_s, row.until_s, row.amount, row.decided_by)
    known = conn.execute(query.where(row.ledger_id == services.ledger_id)).all()
    for each in plan.budgets:
        from_s, until_s = int(each.since.timestamp()), int(each.until.timestamp())
        same = next((b for b in known if (b.from_s, b.until_s) == (from_s, until_s)), None)
        period = f"the budget from {each.since.isoformat()} to {each.until.isoformat()}"
        if same is not None and same.amount == each.amount:
            continue
        if until_s <= now_s:
            applied.notes.append(f"{period} is over and was left out")
        elif same is None and any(b.from_s < until_s and from_s < b.until_s for b in known):
            raise Conflict(f"Nothing was changed: {period} shares days with one that is there.")
        elif same is not None and same.decided_by != BY and not applied.overwrite:
            applied.since.append(f"{period} is {same.amount} (decided by {same.decided_by})")
        else:
            due.append(each)
    return due


def _approvers(services: Services, conn: Connection, applied: Applied) -> None:
    if not tariffs.can_approve(access.staff(conn, services.ledger_id)):
        applied.notes.append(TOO_FEW)


def _town(services: Services, conn: Connection, plan: Plan, applied: Applied) -> None:
    wanted, ledger_id = plan.town, services.ledger_id
    languages = tuple(wanted.languages)
    try:
        found = towns.town(conn, ledger_id)
    except NotFounded:
        towns.found(
            conn,
            ledger_id,
            wanted.name,
            currency=wanted.currency,
            scale=wanted.scale,
            languages=languages,
            timezone=wanted.timezone,
            now_s=services.now_s(),
        )
        secret.note(conn, ledger_id, services.vault)
        applied.done.append(f"{wanted.name} is founded")
        _backing(services, conn, plan, applied)
        return
    here = (found.name, found.currency, found.scale, found.languages, found.timezone)
    there = (wanted.name, wanted.currency, wanted.scale, languages, wanted.timezone)
    if here != there:
        raise Conflict(
            f"The town here is {here}, the file's is {there}. What a town is called and counts "
            "in stays; write the file as the town is, or choose another --data-dir."
        )
    _backing(services, conn, plan, applied)


def _backing(services: Services, conn: Connection, plan: Plan, applied: Applied) -> None:
    words, ledger_id = plan.town.backed_by, services.ledger_id
    said = towns.backing(conn, ledger_id)
    if said != words and _may_replace(
        conn, applied, town_backing, f"its credit is backed by: {said}", ledger_id=ledger_id
    ):
        towns.back(conn, ledger_id, words, decided_by=BY, from_s=services.now_s())
        applied.done.append(f"its credit is backed by: {words}")


def _staff(services: Services, conn: Connection, plan: Plan, applied: Applied) -> None:
    row = t.staff.c
    query = select(row.login, row.role).where(row.ledger_id == services.ledger_id)
    known = {each.login: each.role for each in conn.execute(query)}
    for who in plan.staff:
        role = known.get(who.login, who.role)
        if role != who.role:
            applied.notes.append(
                f"{who.login} stays {role}: no file makes somebody of the staff {who.role}. Give "
                f"them that role under a login of its own: farz staff add --help"
            )
        if who.login in known:
            continue
        password = secrets.token_urlsafe(12)
        access.create_staff(
            conn,
            services.ledger_id,
            login=who.login,
            name=who.name,
            role=who.role,
            password=password,
            now_s=services.now_s(),
        )
        applied.done.append(f"{who.login} may sign in as {who.role}")
        applied.secrets.append((f"password of {who.login}", password))


def _points(services: Services, conn: Connection, plan: Plan, applied: Applied) -> dict[str, int]:
    places = {each.name: each.id for each in towns.points(conn, services.ledger_id)}
    for point in plan.points:
        if point.name not in places:
            made = towns.add_point(conn, services.ledger_id, point.name, now_s=services.now_s())
            places[point.name] = made.id
            applied.done.append(f"point {point.name}")
    return places


def _devices(
    services: Services, conn: Connection, plan: Plan, places: dict[str, int], applied: Applied
) -> None:
    ledger_id = services.ledger_id
    query = select(t.device.c.id).where(t.device.c.ledger_id == ledger_id)
    known = set(conn.scalars(query))
    for each in plan.devices:
        if each.device not in known:
            made = devices.provision(
                conn, services.vault, ledger_id, each.device, from_s=services.now_s()
            )
            applied.done.append(f"device {each.device}")
            applied.secrets.append((f"key 1 of {each.device}", made.key.hex()))
        stood = dict(devices.assignments(conn, ledger_id, each.device))
        for place in each.places:
            from_s, point_id = int(place.since.timestamp()), places[place.point]
            if stood.get(from_s) != point_id:
                devices.assign(conn, ledger_id, each.device, point_id, from_s=from_s)
                applied.done.append(f"{each.device} at {place.point}")


def _tariff(
    services: Services,
    conn: Connection,
    wanted: Tariff,
    places: dict[str, int],
    timezone: str,
    applied: Applied,
) -> None:
    ledger_id = services.ledger_id
    from_s = int(wanted.since.timestamp())
    until_s = int(wanted.until.timestamp()) if wanted.until else None
    point_id = places[wanted.point] if wanted.point else None
    rates = {(rate.fraction, rate.grade): rate.amount_per_kg for rate in wanted.rates}
    known = tariffs.tariffs(conn, ledger_id)
    asked = (from_s, until_s, point_id, rates)
    if any((v.from_s, v.until_s, v.point_id, v.rates) == asked for v in known):
        return
    first = not known and until_s is None and point_id is None
    made = tariffs.draft(
        conn,
        ledger_id,
        rates,
        from_s=from_s,
        until_s=until_s,
        point_id=point_id,
        drafted_by=BY if first else LATER,
        note=wanted.note,
        now_s=services.now_s(),
    )
    towns.changed(conn, ledger_id)
    state = tariffs.said([*known, made], made, services.now_s(), timezone)
    applied.done.append(f"tariff {made.id} is {state}")


def _products(services: Services, conn: Connection, plan: Plan, applied: Applied) -> None:
    now_s, ledger_id = services.now_s(), services.ledger_id
    known = {each.name: each for each in compost.products(conn, ledger_id, at_s=now_s)}
    for wanted in plan.products:
        found = known.get(wanted.name) or compost.create_product(
            conn, ledger_id, wanted.name, now_s=now_s
        )
        was = f"{wanted.name} costs {found.amount_per_kg} per kg"
        key = {"ledger_id": ledger_id, "product_id": found.id}
        if found.amount_per_kg != wanted.amount_per_kg and _may_replace(
            conn, applied, t.product_price, was, **key
        ):
            compost.set_price(
                conn, ledger_id, found.id, wanted.amount_per_kg, decided_by=BY, from_s=now_s
            )
            applied.done.append(f"{wanted.name} costs {wanted.amount_per_kg} per kg")


def _caps(services: Services, conn: Connection, plan: Plan, applied: Applied) -> None:
    known = caps.caps(conn, services.ledger_id)
    if plan.cards is None and known:
        return
    asked = plan.cards or Cards(plain_daily_g=caps.DEFAULT_DAILY_G)
    wanted = (asked.plain_daily_g, asked.plain_daily_amount)
    if known:
        there = (known[-1].daily_g, known[-1].daily_amount)
        key = {"ledger_id": services.ledger_id}
        was = f"plain cards {_limit(*there)}"
        if there == wanted or not _may_replace(conn, applied, plain_cap, was, **key):
            return
    daily_g, daily_amount = wanted
    caps.set_cap(
        conn,
        services.ledger_id,
        daily_g=daily_g,
        daily_amount=daily_amount,
        decided_by=BY,
        from_s=services.now_s() if known else 0,
    )
    applied.done.append(f"plain cards {_limit(*wanted)}")


def _limit(daily_g: int | None, daily_amount: int | None) -> str:
    parts = [f"{daily_g} g"] * (daily_g is not None)
    parts += [f"{daily_amount} minor units"] * (daily_amount is not None)
    return f"bring at most {' and '.join(parts)} a day" if parts else "are not capped"


def _provisional(services: Services, conn: Connection, plan: Plan, applied: Applied) -> None:
    if plan.deposits is None:
        return
    wanted, ledger_id = plan.deposits.provisional_days, services.ledger_id
    days = provisional.days(conn, ledger_id)
    if days != wanted and _may_replace(
        conn, applied, waits, f"provisional credit {_waits(days)}", ledger_id=ledger_id
    ):
        provisional.decide(conn, ledger_id, wanted, decided_by=BY, from_s=services.now_s())
        applied.done.append(f"provisional credit {_waits(wanted)}")


def _waits(days: int) -> str:
    return f"is paid after {days} days" if days else "waits for a person"


def _melting(services: Services, conn: Connection, plan: Plan, applied: Applied) -> Melting | None:
    """The rule that a town is founded with; once anything was booked, a draft for two approvers."""
    if plan.expiry is not None:
        wanted = Melting(EXPIRY, days=plan.expiry.days)
    elif plan.demurrage is not None:
        asked = plan.demurrage
        wanted = Melting(DEMURRAGE, basis_points=asked.basis_points, free_amount=asked.free_amount)
    else:
        return None
    ledger_id = services.ledger_id
    if melting.was_asked(conn, ledger_id, CREDIT, wanted):
        return None
    if melting.untouched(conn, ledger_id):
        return wanted
    made = melting.draft(
        conn, ledger_id, "credit", wanted, drafted_by=LATER, now_s=services.now_s()
    )
    applied.done.append(f"melting by {wanted.way} is draft {made.id} for two approvers")
    return None


def _factors(services: Services, conn: Connection, plan: Plan, applied: Applied) -> None:
    """Raises Conflict for another figure of the same moment: what was decided stays."""
    ledger_id = services.ledger_id
    known = {
        (cost.fraction, cost.from_s): cost.amount_per_tonne
        for cost in coverage.disposal_costs(conn, ledger_id)
    }
    for pack in plan.factors:
        from_s = int(pack.since.timestamp())
        for each in pack.disposal:
            before = known.get((each.fraction, from_s))
            if before == each.amount_per_tonne:
                continue
            if before is not None:
                raise Conflict(
                    f"A tonne of {each.fraction} saves {before} from that moment on already. "
                    f"Give the pack {pack.pack} a later `since`."
                )
            cost = DisposalCost(
                each.fraction, from_s, each.amount_per_tonne, f"file: {pack.source}"
            )
            coverage.set_disposal_cost(conn, ledger_id, cost)
            applied.done.append(f"a tonne of {each.fraction} saves {each.amount_per_tonne}")
