"""`farz ledger balance`, `statement`, `supply`, `kinds`, `notices`: reading money.

All of it beside a backend that serves.
"""

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from farz.town import open_books

AccountId = Annotated[int, typer.Argument(help="The account's number.", min=1)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, nothing else.")]


def balance(
    account_id: AccountId,
    at: Annotated[
        str, typer.Option(help="A moment of recorded time: 2026-11-24 or 2026-11-24T12:00 (UTC).")
    ] = "",
    as_json: Json = False,
) -> None:
    """What an account holds, now or at a moment, in minor units.

    Examples:
      farz ledger balance 3
      farz ledger balance 3 --at 2026-11-24 --json
    """
    from backend import db
    from backend.accounts import service as accounts

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        found = accounts.account(conn, ledger_id, account_id)
        if at:
            moment = accounts.balance_at(conn, ledger_id, account_id, recorded_s=_seconds(at))
            shown = asdict(moment)
            words = f"{moment.balance} after transfer {moment.upto_id}"
        else:
            now = accounts.balance(conn, ledger_id, account_id)
            shown = {"account_id": account_id, "balance": now.posted, "available": now.available}
            words = f"{now.posted}, available {now.available}"
    shown = {**shown, "currency": found.currency, "scale": found.scale}
    typer.echo(json.dumps(shown) if as_json else f"{found.currency}: {words}")


def statement(
    account_id: AccountId,
    before: Annotated[int | None, typer.Option(min=1, help="Only transfers before this.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000)] = 20,
    as_json: Json = False,
) -> None:
    """An account's movements, newest first, each with the balance after it.

    Examples:
      farz ledger statement 3
      farz ledger statement 3 --before 5000 --limit 100
    """
    from backend import db
    from backend.accounts import service as accounts

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        lines = accounts.statement(conn, ledger_id, account_id, before_id=before, limit=limit)
    if as_json:
        rows = [{**asdict(line), "code": accounts.word(line.code)} for line in lines]
        typer.echo(json.dumps(rows))
        return
    for line in lines:
        when = datetime.fromtimestamp(line.effective_s, UTC).strftime("%Y-%m-%d %H:%M")
        typer.echo(
            f"{line.transfer_id:>10}  {when}  {accounts.word(line.code):<14} "
            f"{line.amount:>+12}  {line.balance_after:>12}"
        )


def supply(as_json: Json = False) -> None:
    """What was issued, retired, melted and is outstanding, what covers it, and how fast it moves.

    Example:  farz ledger supply --json
    """
    from backend import db
    from backend.accounts import service as accounts
    from backend.budgets import coverage
    from backend.ledger import totals
    from backend.ledger.accounts import CREDIT

    now_s = int(time.time())
    today = now_s // 86_400
    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        money = totals.supply(conn, ledger_id)
        cover = coverage.coverage(conn, ledger_id, now_s=now_s)
        shortfall = accounts.shortfall(conn, ledger_id)
        month = totals.turnover(conn, ledger_id, CREDIT, today - 29, today + 1)
    if as_json:
        rows = [{**asdict(each), "outstanding": each.outstanding} for each in money]
        typer.echo(
            json.dumps(
                {
                    "supply": rows,
                    "coverage": asdict(cover),
                    "shortfall": shortfall,
                    "turnover_30_days": {**asdict(month), "velocity": month.velocity},
                }
            )
        )
        return
    for each in money:
        typer.echo(
            f"{each.code:<12} issued {each.issued:>12}  retired {each.retired:>12}  "
            f"melted {each.melted:>12}  "
            f"outstanding {each.outstanding:>12}"
        )
    share = "-" if cover.permille is None else f"{cover.permille / 10:.1f} %"
    left_out = f"; not counted: {', '.join(cover.missing)}" if cover.missing else ""
    typer.echo(f"compost, merchants' promises and avoided disposal cost cover {share}{left_out}")
    if shortfall:
        typer.echo(f"the town bears {shortfall} of what was handed out beyond balances")
    pace = "-" if month.velocity is None else f"{month.velocity:.2f}"
    typer.echo(f"in 30 days it changed hands {pace} times ({month.volume} in all)")


def kinds(as_json: Json = False) -> None:
    """What kinds of money there are, where each may be spent and what it may be exchanged for.

    Example:  farz ledger kinds --json
    """
    from backend import db
    from backend.kinds import service

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        found = service.moneys(conn, ledger_id)
    if as_json:
        typer.echo(json.dumps(asdict(found)))
        return
    of = {each.code: each for each in found.kinds}
    for each in found.currencies:
        kind = of[each.kind]
        places = ", ".join(f"{place} until {end_s}" for place, end_s in each.spend.items())
        where = f"  spent at: {places or 'nothing yet'}" if kind.restricted else ""
        typer.echo(
            f"{each.code:<16} {each.kind:<16} issued by {kind.issued_by:<8} "
            f"members' minimum {each.member_min}{where}"
        )
    for cross in found.crossings:
        typer.echo(
            f"may go together: {cross.kind} ({cross.code}), {cross.other_kind} ({cross.other_code})"
        )


def notices(
    account_id: Annotated[int | None, typer.Argument(help="One account's alone.", min=1)] = None,
    before: Annotated[int | None, typer.Option(min=1, help="Only transfers before this.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000)] = 20,
    as_json: Json = False,
) -> None:
    """Soft limits that were crossed, newest first.

    Examples:
      farz ledger notices
      farz ledger notices 3 --json
    """
    from backend import db
    from backend.ledger import notices as told

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        found = told.notices(conn, ledger_id, account_id, before_id=before, limit=limit)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found]))
        return
    for each in found:
        typer.echo(
            f"{each.transfer_id:>10}  account {each.account_id} crossed its {each.crossed} of "
            f"{each.bound}: {each.balance}"
        )


def _seconds(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("Write a moment as 2026-11-24 or 2026-11-24T12:00.") from None
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())


def add_to(app: typer.Typer) -> None:
    """Put the commands into `farz ledger`."""
    for command in (balance, statement, supply, kinds, notices):
        app.command()(command)
