"""`soak`: a month of a bin, with everything that happens to one in a street, against real books.

The bin is the firmware that ships in a real MicroPython on simulated time; broker, gateway and
backend are real. Its millisecond ticks wrap within the first day after each start and every 12.4
days; the broker dies for what are days to the bin; the power fails at flash operations drawn from
the seed, and the network's time lies by ten years for a day, in either direction. Every visit is
accounted for; one that a cut ended before its first entry was on the flash is `unborn`: it was not
let in.
"""

import json
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

from backend import db
from backend.ledger.verify import verify
from farz import guard
from farz.books import booked
from farz.demo import Run, agree, say
from farz.errors import PartFailed
from farz.processes import Part
from farz.reckoning import reckon
from farz.redeeming import redeem
from farz.stage import Pace, Stage, fetch, raise_for
from farz.town import open_books
from farz.village import build
from firmware.boards.simflash import CUT_EXIT
from firmware.clock import TICKS as PERIOD
from firmware.journal import read_image

HOURS, VISITS = 31 * 24, 93
CUTS, OUTAGES, JUMPS = 6, 4, 3
HOUR_S, DAY_S, LIE_S = 3600, 86_400, 10 * 365 * 86_400
OUT_S = (0.5, 3.0)  # real seconds without a broker; to the bin they are hours or days
LIMIT_S = 3600.0
LOSSES = ("lost", "doubled", "resurrected")
COUNTS = ("deposits", "unborn", "turned_away", "cuts", "outages", "clock_lies", "wraps", *LOSSES)


def run(runs: int, seed: int) -> dict[str, Any]:
    """Months one after the other, and what was lost, doubled or settled twice in all of them."""
    total: Counter[str] = Counter()
    conserved = struck = True
    for number in range(runs):
        say(f"month {number + 1} of {runs}, seed {seed + number}")
        found = month(seed + number)
        total.update({name: found[name] for name in COUNTS})
        conserved, struck = conserved and found["conserved"], struck and found["struck"]
    counts = {name: total[name] for name in COUNTS}
    conserved = conserved and not total["resurrected"]
    return {"hours": HOURS * runs, **counts, "conserved": conserved, "struck": struck}


def month(seed: int) -> dict[str, Any]:
    """One bin's month."""
    dice = random.Random(f"farz soak {seed}")
    village = build(seed, 1, VISITS, gap_s=HOURS * HOUR_S * 2 // (3 * VISITS))
    span_s = village.bins[0].visits[-1].at_s + HOUR_S
    pace = Pace(start_s=int(time.time()) - span_s, give_up_s=600, world=_world(dice, span_s))
    with guard.folder("farz-soak-") as base:
        with Stage(base, village, pace, say) as stage:
            struck = _live(stage, dice)
            redeemed = redeem(stage.url, stage.founded, 1, seed)
        with open_books() as (engine, ledger_id), db.read(engine) as conn:
            done = Run(
                reckon(stage.images(), village.people),
                booked(conn, ledger_id),
                verify(conn, ledger_id).ok,
                redeemed,
                redeemed.refused,
            )
        return _judge(done, struck, stage.bin_dir(village.bins[0].device))


def _world(dice: random.Random, span_s: int) -> dict[str, Any]:
    """What is to happen, as the bin's world.json says it."""
    lasts_s = min(DAY_S, span_s // (2 * JUMPS))
    begins = [HOUR_S + lasts_s * (2 * n + dice.randrange(2)) for n in range(JUMPS)]
    lies = [row for at_s in begins for row in ([at_s, dice.choice((-1, 1)) * LIE_S],
                                               [at_s + lasts_s, 0])]  # fmt: skip
    cuts = [
        {"op": dice.randrange(8, 8 + 4 * VISITS // CUTS), "percent": dice.randrange(101)}
        for _ in range(CUTS)
    ]
    return {
        "clock_wrong_s": sorted(lies),
        "cuts": cuts,
        "ticks_start_ms": PERIOD - dice.randrange(DAY_S * 1000),
    }


def _live(stage: Stage, dice: random.Random) -> Counter[str]:
    """Let the month pass; start the bin again after each cut, and the broker after each outage."""
    part, struck = next(iter(stage.bins.values())), Counter(outages=0, cuts=0)
    moments = sorted(dice.sample(range(2, VISITS - 2), OUTAGES))
    deadline_s, said = time.monotonic() + LIMIT_S, -1
    while part.exit_code != 0:
        if time.monotonic() > deadline_s:
            raise PartFailed(f"The month did not end within {LIMIT_S:.0f} seconds.")
        _start_again(part, struck)
        raise_for([each for each in (stage.backend, stage.gateway) if not each.running])
        records = fetch(f"{stage.url}/v1/health").get("records", {})
        done = sum(records.get(name, 0) for name in ("credited", "held", "suspended", "queued"))
        if done >= said + 10:
            say(f"{done} of {VISITS} deposits in the books, {struck['cuts']} cuts")
            said = done
        if moments and done >= moments[0] and part.running:
            moments.pop(0)
            struck["outages"] += 1
            stage.broker.kill()
            time.sleep(dice.uniform(*OUT_S))
            stage.broker.start()
        time.sleep(0.2)
    return struck


def _start_again(part: Part, struck: Counter[str]) -> None:
    if part.exit_code == CUT_EXIT:
        struck["cuts"] += 1
        part.start()
    elif part.exit_code not in (None, 0):
        raise_for([part])


def visits_of(rows: list[dict[str, Any]], records: int) -> Counter[str]:
    """What became of each visit: a record, turned away in words, or unborn.

    `rows` are what the simulated bin told, `records` the deposits and interrupted visits on its
    flash at the end. Unborn is a visit that a cut ended before its first entry was whole on the
    flash: no record, and the lid neither unlocked nor anything said to be saved. What was let in
    and left no record is lost.
    """
    found: Counter[str] = Counter()
    silent = 0
    for told in _by_visit(rows):
        events = {row["event"] for row in told}
        let_in = any(row.get("word") == "open_lid" for row in told) or "dropped" in events
        if "turned_away" in events and not let_in:
            found["turned_away"] += 1
        elif "cut" in events and not let_in:
            silent += 1  # it may have come as far as the flash all the same
        else:
            found["let_in"] += 1
    found["unborn"] = max(0, found["let_in"] + silent - records)
    found["lost"] = max(0, found["let_in"] - records)
    found["unborn"] -= found["lost"]
    found["doubled"] = max(0, records - found["let_in"] - silent)
    return found


def _by_visit(rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """What was told from the moment each visitor came until the next one did."""
    visits: list[list[dict[str, Any]]] = []
    for row in rows:
        if row["event"] == "came":
            visits.append([])
        elif visits:
            visits[-1].append(row)
    return visits


def _judge(done: Run, struck: Counter[str], folder: Path) -> dict[str, Any]:
    truth, books = done.truth, done.books
    rows = [json.loads(text) for text in (folder / "out.jsonl").read_text().splitlines()]
    body_of = {
        (body["epoch"], body["seq"]): (body, state)
        for body, _, state in read_image((folder / "flash.bin").read_bytes())
    }
    settled = {(row["epoch"], row["seq"]) for row in rows if row["event"] == "settled"}
    alarms = [body.get("what") for body, _ in body_of.values() if body["kind"] == "alarm"]
    paid = books.outcomes["credited"] + books.outcomes["suspended"]
    starts = 1 + struck["cuts"]
    visits = visits_of(rows, truth.made)
    return {
        "deposits": books.recorded,
        "unborn": visits["unborn"],
        "turned_away": visits["turned_away"],
        **struck,
        "clock_lies": alarms.count("clock refused"),
        "wraps": _wraps([body for body, _ in body_of.values()]),
        "lost": len(truth.names - books.names) + max(truth.unrecorded, visits["lost"]),
        "doubled": len(books.names - truth.names) + max(0, books.mints - paid) + visits["doubled"],
        "resurrected": sum(body_of[name][1] == "unsettled" for name in settled & body_of.keys()),
        "conserved": agree(done) and _in_order([body for body, _ in body_of.values()]),
        "struck": struck["cuts"] == CUTS
        and struck["outages"] > 0
        and "clock refused" in alarms
        and starts <= len({body["boot"] for body, _ in body_of.values()}) + 1,
    }


def _wraps(bodies: list[dict[str, Any]]) -> int:
    """How often ticks wrapped, at least: each start wraps within its first day, then at PERIOD."""
    longest: dict[int, int] = {}
    for body in bodies:
        longest[body["boot"]] = max(longest.get(body["boot"], 0), body["up_ms"])
    return sum((up_ms + PERIOD - DAY_S * 1000) // PERIOD for up_ms in longest.values())


def _in_order(bodies: list[dict[str, Any]]) -> bool:
    """Within a start, uptime never runs back, and no record's time is a lie."""
    by_boot: dict[int, list[dict[str, Any]]] = {}
    for body in sorted(bodies, key=lambda each: int(each["seq"])):
        by_boot.setdefault(body["boot"], []).append(body)
    for started in by_boot.values():
        ups = [body["up_ms"] for body in started if body["kind"] != "interrupted"]
        if ups != sorted(ups):
            return False
    times = [body["at_s"] for body in bodies if body["at_s"] is not None]
    return bool(max(times) - min(times) < 2 * HOURS * HOUR_S)
