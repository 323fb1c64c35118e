"""`farz budget`: what may be minted in a period, what waits for it, what a tonne saves."""

import json
import time
from dataclasses import asdict
from typing import Annotated

import typer

from farz.moments import clocks, moment
from farz.signing import by_whom
from farz.telling import Json, tell
from farz.town import open_books, open_town

app = typer.Typer(no_args_is_help=True, help="What may be minted, and what waits for it.")
By = Annotated[str, typer.Option(help="The login of who decides.")]


@app.command(name="list")
def show(as_json: Json = False) -> None:
    """Every period: what of it is minted, what is left, when it runs out; and what waits.

    Example:  farz budget list --json
    """
    from backend import db
    from backend.budgets import service as budgets

    now_s = int(time.time())
    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        found, waiting = budgets.budgets(conn, ledger_id), budgets.claims(conn, ledger_id)
        clock = clocks(conn, ledger_id)
    rows = [
        {**asdict(each), "left": each.left, "runs_out_s": each.runs_out_s(now_s)} for each in found
    ]
    if as_json:
        typer.echo(json.dumps({"budgets": rows, "waiting": asdict(waiting)}))
        return
    for each in found:
        period = f"{clock(each.from_s)} - {clock(each.until_s)}"
        out_s = each.runs_out_s(now_s)
        pace = f"  used up about {clock(out_s)} at this pace" if out_s else ""
        left = f"{each.left} left{pace}" if each.left > 0 else "used up"
        typer.echo(f"{period}  {each.spent} of {each.amount} minted, {left}")
    typer.echo(
        f"{waiting.count} deposits of {waiting.accounts} accounts wait for {waiting.amount}"
        + (f", the oldest since {clock(waiting.oldest_s)}" if waiting.oldest_s else "")
    )


@app.command(name="set")
def set_(
    amount: Annotated[int, typer.Argument(min=0, help="Minor units that may be minted.")],
    since: Annotated[str, typer.Option(help="Start, like 2027-01-01T00:00+02:00.")],
    until: Annotated[str, typer.Option(help="End, like 2027-04-01T00:00+03:00.")],
    by: By,
    as_json: Json = False,
) -> None:
    """Set a period's budget, or change it; waiting claims are paid as far as it goes.

    Example:
      farz budget set 2500000 --since 2027-01-01T00:00+02:00 \\
          --until 2028-01-01T00:00+02:00 --by salma
    """
    from backend.budgets import service as budgets

    with open_town() as services:
        with services.read() as conn:
            decided_by = by_whom(conn, services.ledger_id, by, "budgets:write")
        paid = budgets.set_budget(
            services,
            from_s=moment(since),
            until_s=moment(until),
            amount=amount,
            decided_by=decided_by,
        )
    words = f"{amount} may be minted; {paid} waiting claims were paid"
    tell({"amount": amount, "claims_paid": paid}, words, as_json)


@app.command()
def cost(
    fraction: Annotated[str, typer.Argument(help="The sorted fraction, like organic.")],
    amount_per_tonne: Annotated[int, typer.Argument(min=0, help="Minor units.")],
    by: By,
    since: Annotated[str, typer.Option(help="From when on; empty: from now on.")] = "",
    as_json: Json = False,
) -> None:
    """Say what a tonne of a sorted fraction saves the town in disposal.

    Example:  farz budget cost organic 25000 --by salma
    """
    from backend.budgets import coverage

    with open_town() as services, services.begin() as conn:
        from_s = moment(since) if since else services.now_s()
        who = by_whom(conn, services.ledger_id, by, "budgets:write")
        decided = coverage.DisposalCost(fraction, from_s, amount_per_tonne, who)
        coverage.set_disposal_cost(conn, services.ledger_id, decided)
        when = clocks(conn, services.ledger_id)(from_s)
    words = f"a tonne of {fraction} saves {amount_per_tonne} from {when} on"
    tell(asdict(decided), words, as_json)
