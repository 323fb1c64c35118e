"""The demo: a synthetic village from load-cell pins to compost in hand, and every number compared.

`once` runs it as fast as it goes and judges it; `live` leaves it running to be looked at.
"""

import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from backend import db
from backend.ledger.verify import verify
from farz import guard
from farz.books import Booked, booked
from farz.broker import Kind
from farz.processes import POLL_S, is_free
from farz.reckoning import Reckoning, reckon
from farz.redeeming import Redeemed, redeem
from farz.stage import Door, Pace, Stage, fetch, raise_for
from farz.town import open_books
from farz.village import build

HOUR_S = 3600
LIVE_DEPOSITS = 5_000  # hours of them
LIVE_GAP_S = 5  # people stand in line: a visit takes about half a minute
SETTLE_S = 300.0  # real seconds that all bins together may take
OUTCOMES = ("credited", "held", "suspended", "queued")
Meanwhile = Callable[[Stage, int], None]  # is told how many deposits are in the books


@dataclass(frozen=True)
class Run:
    """A village that ran to its end: what its flash says, what its books say."""

    truth: Reckoning
    books: Booked
    right: bool  # every invariant of the ledger holds
    redeemed: Redeemed
    refused: int


def once(*, bins: int, deposits: int, redemptions: int, seed: int) -> dict[str, Any]:
    """Run a village to its end and compare every number; `ok` is false if one differs."""
    began_s = time.monotonic()
    done = run(bins=bins, deposits=deposits, redemptions=redemptions, seed=seed)
    report = _report(done)
    report["seconds"] = round(time.monotonic() - began_s, 1)
    if report["redeemed"] != redemptions:
        say(f"only {report['redeemed']} of {redemptions} redemptions could be paid from balances")
    report["ok"] = (
        report["balanced"]
        and report["made"] == deposits
        and report["recorded"] == sum(report[outcome] for outcome in OUTCOMES)
        and report["refused"] == 0
        and report["redeemed"] == redemptions
    )
    return report


def run(
    *,
    bins: int,
    deposits: int,
    redemptions: int,
    seed: int,
    database_url: str = "",
    broker: Kind | None = None,
    meanwhile: Meanwhile | None = None,
    door: Door | None = None,
    afterwards: Callable[[Stage], None] | None = None,
) -> Run:
    """Run a village as fast as it goes.

    `broker` insists on one kind of broker, `database_url` on a database of its own.
    `meanwhile` is called again and again while the bins run: it is where drills break things.
    `door` is where the bins call; `afterwards` is given the stage before it is taken down.
    """
    village = build(seed, bins, deposits)
    span_s = max(v.at_s for bin_ in village.bins for v in bin_.visits) + HOUR_S
    pace = Pace(start_s=int(time.time()) - span_s)
    with guard.folder("farz-demo-") as base:
        with Stage(
            base, village, pace, say, database_url=database_url, broker=broker, door=door
        ) as stage:
            await_bins(stage, deposits, meanwhile)
            redeemed = redeem(stage.url, stage.founded, redemptions, seed)
            refused = _refused(stage)
            if afterwards is not None:
                afterwards(stage)
        with open_books() as (engine, ledger_id), db.read(engine) as conn:
            return Run(
                reckon(stage.images(), village.people),
                booked(conn, ledger_id),
                verify(conn, ledger_id).ok,
                redeemed,
                refused + redeemed.refused,
            )


def agree(done: Run) -> bool:
    """Tell whether flash and books say the same of every deposit, credit and gram."""
    truth, books, redeemed = done.truth, done.books, done.redeemed
    return (
        done.right
        and books.balanced
        and truth.names == books.names
        and truth.outcomes == books.outcomes
        and truth.minted == books.minted
        and truth.unsettled == truth.damaged == truth.unrecorded == 0
        and (redeemed.amount, redeemed.grams) == (books.redeemed, books.handed_out_g)
        and redeemed.replayed == redeemed.made
    )


def _refused(stage: Stage) -> int:
    """Messages that gateway or backend refused; of a village's own bins there are none."""
    gateway, backend = stage.gateway_health(), fetch(f"{stage.url}/v1/health")
    counts = [*backend["refused"].values(), *gateway["counts"]["dead"].values()]
    return sum(int(count) for count in counts)


def _report(done: Run) -> dict[str, Any]:
    truth, books = done.truth, done.books
    return {
        "made": truth.made,
        "recorded": books.recorded,
        **{outcome: books.outcomes[outcome] for outcome in OUTCOMES},
        "refused": done.refused,
        "redeemed": done.redeemed.made,
        "minted": books.minted,
        "expected": truth.minted,
        "expected_outcomes": {outcome: truth.outcomes[outcome] for outcome in OUTCOMES},
        "redeemed_amount": books.redeemed,
        "compost_g": books.handed_out_g,
        "balanced": agree(done),
    }


def await_bins(stage: Stage, deposits: int, meanwhile: Meanwhile | None = None) -> None:
    """Wait until every bin has made its visits and had them settled, with progress."""
    deadline_s = time.monotonic() + SETTLE_S
    done, said = 0, -1
    while time.monotonic() < deadline_s:
        stage.start_anew()
        if not any(part.running for part in stage.bins.values()):
            break
        raise_for(stage.fallen())
        records = fetch(f"{stage.url}/v1/health").get("records", {})
        done = sum(records.get(outcome, 0) for outcome in OUTCOMES)
        if done != said:
            say(f"{done} of {deposits} deposits in the books")
            said = done
        if meanwhile is not None:
            meanwhile(stage, done)
        time.sleep(POLL_S * 10)
    raise_for([part for part in stage.bins.values() if part.exit_code != 0])


def live(*, bins: int, deposits: int, seed: int, port: int) -> None:
    """Run a village in real time and print where to look, until Ctrl-C."""
    village = build(seed, bins, max(deposits, LIVE_DEPOSITS), gap_s=LIVE_GAP_S)
    pace = Pace(start_s=int(time.time()), speed=1, until="stopped")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both end alike
    if not is_free(port):
        say(f"port {port} is taken; another one is used")
        port = 0
    try:
        with (
            guard.folder("farz-demo-") as base,
            Stage(base, village, pace, say, port=port) as stage,
        ):
            _show(stage)
            _watch(stage)
    except KeyboardInterrupt:
        say("stopped; nothing of the village is left behind")


def _show(stage: Stage) -> None:
    passwords = stage.founded.passwords
    number, pin = stage.founded.residents[0]
    say("")
    say(f"look here      {stage.url}/")
    say(f"municipality   officer / {passwords['officer']}")
    say(f"counter        clerk / {passwords['clerk']}")
    say(f"technician     technician / {passwords['technician']}")
    say(f"a resident     card {number}, PIN {pin}")
    say(f"API            {stage.url}/openapi.json")
    say("")
    say("Everything here is synthetic. Deposits arrive live; Ctrl-C stops everything.")


def _watch(stage: Stage) -> None:
    before: dict[str, int] = {}
    while True:
        for device in stage.start_anew():
            say(f"{device} starts anew")
        raise_for(stage.fallen())
        counts = fetch(f"{stage.url}/v1/health").get("records", {})
        if counts != before:
            say("  ".join(f"{outcome} {n}" for outcome, n in sorted(counts.items())))
            before = counts
        time.sleep(1)


def say(words: str) -> None:
    """Progress goes to standard error; standard output is for the one JSON object."""
    sys.stderr.write(words + "\n")
    sys.stderr.flush()
