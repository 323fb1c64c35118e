"""`farz melting`: credit that goes back by rule, drafted by one, approved by two, run when due."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from farz.approving import Code, Login, Password, signed_in
from farz.signing import by_whom
from farz.telling import Json, tell
from farz.town import open_books, open_town

if TYPE_CHECKING:
    from backend.kinds.melting import Draft
    from backend.ledger.melt_terms import Melting

app = typer.Typer(no_args_is_help=True, help="Credit that expires or carries demurrage.")


@app.command()
def show(as_json: Json = False) -> None:
    """How credit melts now, and which rules were drafted.

    Example:  farz melting show --json
    """
    from backend import db
    from backend.kinds import melting

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        rules, drafts = melting.in_force(conn, ledger_id), melting.drafts(conn, ledger_id)
    told = {
        "in_force": [asdict(each) for each in rules],
        "drafts": [asdict(each) | {"approved": each.approved} for each in drafts],
    }
    lines = [f"{r.currency}: {_words(r.melting)}, since {_when(r.from_s)}" for r in rules]
    lines += [_draft_words(each) for each in drafts]
    tell(told, "\n".join(lines) or "No credit melts here, and no rule was drafted.", as_json)


@app.command()
def draft(
    by: Annotated[str, typer.Option(help="The login of who drafts it; two others approve.")],
    days: Annotated[int, typer.Option(help="Expiry: not spent in so many days.")] = 0,
    basis_points: Annotated[
        int, typer.Option(help="Demurrage: hundredths of a percent a month.")
    ] = 0,
    free_amount: Annotated[int, typer.Option(help="Demurrage leaves so many minor units.")] = 0,
    currency: Annotated[str, typer.Option(help="The currency's code.")] = "credit",
    as_json: Json = False,
) -> None:
    """Write a rule down: expiry, demurrage, or with neither that nothing melts any more.

    Examples:
      farz melting draft --days 365 --by salma
      farz melting draft --basis-points 100 --free-amount 5000 --by salma
    """
    from backend.kinds import melting
    from backend.ledger.melt_terms import DEMURRAGE, EXPIRY, NONE, Melting

    way = EXPIRY if days else DEMURRAGE if basis_points or free_amount else NONE
    wanted = Melting(way, days, basis_points, free_amount)
    with open_town() as services, services.begin() as conn:
        signature = by_whom(conn, services.ledger_id, by, "tariffs:draft")
        made = melting.draft(
            conn,
            services.ledger_id,
            currency,
            wanted,
            drafted_by=signature,
            now_s=services.now_s(),
        )
    words = f"{_draft_words(made)}; approve it with: farz melting approve {made.id}"
    tell(asdict(made), words, as_json)


@app.command()
def approve(
    draft_id: int,
    login: Login,
    password: Password = "",
    code: Code = "",
    as_json: Json = False,
) -> None:
    """Sign a rule; the second signature, of somebody else, puts it in force.

    The password is asked for, and may be piped as one line.
    Example:  farz melting approve 1 --login noor
    """
    from backend.kinds import melting

    with signed_in(login, password, code, "tariffs:approve") as (services, who):
        made = melting.approve(services, draft_id, staff_id=who.id)
    tell(asdict(made) | {"approved": made.approved}, _draft_words(made), as_json)


@app.command()
def run(as_json: Json = False) -> None:
    """Do what is due now, as a backend that serves does by itself; again, it changes nothing.

    With SQLite the backend must be stopped.  Example:  farz melting run --json
    """
    from backend.kinds import melting

    with open_town() as services:
        done = []
        for batch in melting.melt_due(services):
            done.append(batch)
            typer.echo(f"{_when(batch.due_s)}: {batch.accounts} accounts ...", err=True)
    accounts, amount = sum(b.accounts for b in done), sum(b.amount for b in done)
    told = {"batches": len(done), "accounts": accounts, "amount": amount}
    words = f"{amount} minor units went back of {accounts} accounts" if done else "Nothing is due."
    tell(told, words, as_json)


def _draft_words(made: "Draft") -> str:
    names = len(made.approved_by)
    state = "approved" if made.approved else f"a draft with {names} of 2 signatures"
    return f"rule {made.id} for {made.currency} ({_words(made.melting)}) is {state}"


def _words(melting: "Melting") -> str:
    if melting.days:
        return f"expires when it was not spent in {melting.days} days"
    if not melting.basis_points:
        return "does not melt"
    share = f"{melting.basis_points / 100:g} % a month"
    return f"loses {share} of what lies above {melting.free_amount} minor units"


def _when(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
