"""The demo: a synthetic village from load-cell pins to compost in hand, and every number compared.

`once` runs it as fast as it goes and judges it; `live` leaves it running to be looked at.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backend import db
from backend.ledger.verify import verify
from farz.books import Booked, booked
from farz.processes import POLL_S
from farz.reckoning import Reckoning, reckon
from farz.redeeming import Redeemed, redeem
from farz.stage import Pace, Stage, fetch, raise_for
from farz.town import open_books
from farz.village import build

HOUR_S = 3600
LIVE_GAP_S = 30
SETTLE_S = 300.0  # real seconds that all bins together may take
OUTCOMES = ("credited", "held", "suspended", "queued")
Meanwhile = Callable[[Stage], None]


def once(
    *,
    bins: int,
    deposits: int,
    redemptions: int,
    seed: int,
    database_url: str = "",
    meanwhile: Meanwhile | None = None,
) -> dict[str, Any]:
    """Run a village to its end and compare what the books say with what the bins' flash says.

    `meanwhile` is called again and again while the bins run: it is where drills break things.
    """
    began_s = time.monotonic()
    village = build(seed, bins, deposits)
    span_s = max(v.at_s for bin_ in village.bins for v in bin_.visits) + HOUR_S
    pace = Pace(start_s=int(time.time()) - span_s)
    base = Path(tempfile.mkdtemp(prefix="farz-demo-"))
    try:
        with Stage(base, village, pace, say, database_url=database_url) as stage:
            await_bins(stage, deposits, meanwhile)
            redeemed = redeem(stage.url, stage.founded, redemptions, seed)
            gateway = stage.gateway_health()
            health = fetch(f"{stage.url}/v1/health")
        truth = reckon(stage.images(), village.people)
        with open_books() as (engine, ledger_id), db.read(engine) as conn:
            books, right = booked(conn, ledger_id), verify(conn, ledger_id)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    report = _report(truth, books, redeemed, gateway, health)
    report["balanced"] = right.ok and books.balanced
    report["seconds"] = round(time.monotonic() - began_s, 1)
    report["ok"] = _ok(report, truth, redeemed, deposits, redemptions)
    return report


def _report(
    truth: Reckoning,
    books: Booked,
    redeemed: Redeemed,
    gateway: dict[str, Any],
    health: dict[str, Any],
) -> dict[str, Any]:
    refused = sum(health.get("refused", {}).values()) + sum(gateway.get("dead", {}).values())
    return {
        "made": truth.made,
        "recorded": books.recorded,
        **{outcome: books.outcomes[outcome] for outcome in OUTCOMES},
        "refused": refused + redeemed.refused,
        "redeemed": redeemed.made,
        "minted": books.minted,
        "expected": truth.minted,
        "expected_outcomes": {outcome: truth.outcomes[outcome] for outcome in OUTCOMES},
        "redeemed_amount": books.redeemed,
        "compost_g": books.handed_out_g,
    }


def _ok(
    report: dict[str, Any],
    truth: Reckoning,
    redeemed: Redeemed,
    deposits: int,
    redemptions: int,
) -> bool:
    expected = report["expected_outcomes"]
    return (
        report["made"] == deposits == report["recorded"] == sum(report[o] for o in OUTCOMES)
        and all(report[outcome] == expected[outcome] for outcome in OUTCOMES)
        and report["minted"] == report["expected"]
        and report["redeemed"] == redemptions == redeemed.replayed
        and report["redeemed_amount"] == redeemed.amount
        and report["compost_g"] == redeemed.grams
        and truth.unsettled == truth.damaged == report["refused"] == 0
        and report["balanced"]
    )


def await_bins(stage: Stage, deposits: int, meanwhile: Meanwhile | None = None) -> None:
    """Wait until every bin has made its visits and had them settled, with progress."""
    deadline_s = time.monotonic() + SETTLE_S
    said = ""
    while any(part.running for part in stage.bins.values()) and time.monotonic() < deadline_s:
        if meanwhile is not None:
            meanwhile(stage)
        raise_for(stage.fallen())
        done = sum(fetch(f"{stage.url}/v1/health").get("records", {}).get(o, 0) for o in OUTCOMES)
        if (line := f"{done} of {deposits} deposits in the books") != said:
            say(said := line)
        time.sleep(POLL_S * 10)
    raise_for([part for part in stage.bins.values() if part.exit_code != 0])


def live(*, bins: int, deposits: int, seed: int, port: int) -> None:
    """Run a village in real time and print where to look, until Ctrl-C."""
    village = build(seed, bins, deposits, gap_s=LIVE_GAP_S)
    pace = Pace(start_s=int(time.time()), speed=1, until="stopped")
    base = Path(tempfile.mkdtemp(prefix="farz-demo-"))
    try:
        with Stage(base, village, pace, say, port=port) as stage:
            _show(stage)
            _watch(stage)
    except KeyboardInterrupt:
        say("stopped; nothing of the village is left behind")
    finally:
        shutil.rmtree(base, ignore_errors=True)


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
