"""How long a person waits: from the journal's commit on the bin to the settled receipt.

Bins run in real time (speed 1). The limit is the same hops with the stores taken out
(bench/hops.py); the load is ten times the bins. Medians and 99th percentiles over every record.
"""

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from farz import guard
from farz.demo import say
from farz.processes import Part, python
from farz.stage import Pace, Stage, raise_for
from farz.village import build

VISITS = 12  # a bin in a round; a visit takes about ten seconds of real time
ROUNDS = 2
BINS, MANY_BINS = 1, 10
GAP_S = 2  # people stand in line: the next visit starts when the last one is over
LIMIT_S = 900.0


class Hops(Stage):
    """A stage whose gateway and backend keep nothing."""

    def _backend_part(self) -> Part:
        keys = {bin_.device: bin_.key.hex() for bin_ in self.village.bins}
        return self._part(
            "backend", python("-m", "bench.hops", "backend", str(self.port), json.dumps(keys))
        )

    def _gateway_part(self, key: str) -> Part:
        command = python("-m", "bench.hops", "gateway", str(self.broker.port), key, self.url)
        return self._part("gateway", command)

    def start_gateway(self) -> None:
        self.gateway.start()


def run(rounds: int = ROUNDS, visits: int = VISITS) -> dict[str, Any]:
    """Return the figures; each round measures the three stages one after another."""
    waits: dict[str, list[float]] = {"hops": [], "one": [], "ten": []}
    stages: dict[str, tuple[Callable[..., Stage], int]] = {
        "hops": (Hops, BINS),
        "one": (Stage, BINS),
        "ten": (Stage, MANY_BINS),
    }
    for number in range(rounds):
        for name, (stage, bins) in stages.items():
            say(f"round {number + 1} of {rounds}: {name}, {bins} bins, {visits} visits each")
            waits[name] += measure(stage, bins, visits, seed=number)
    return report(waits)


def report(waits: dict[str, list[float]]) -> dict[str, Any]:
    """Put the ratios together: at_least 1/3 is "at most three times the hops", and so on."""
    middle = {name: statistics.median(each) for name, each in waits.items()}
    worst = {name: statistics.quantiles(each, n=100)[98] for name, each in waits.items()}
    bounds = {"hops_over_one": ("hops", "one", 1 / 3), "one_over_ten": ("one", "ten", 1 / 1.5)}
    figures: dict[str, dict[str, Any]] = {}
    for name, (limit, measured, least) in bounds.items():
        for kind, values in (("median", middle), ("p99", worst)):
            figures[f"{name}_{kind}"] = {
                "value": round(values[limit] / values[measured], 3),
                "at_least": round(least, 3),
                "aim": 1.0,
                "unit": "ratio",
            }
    for name, each in waits.items():
        for kind, values in (("median", middle), ("p99", worst)):
            figures[f"{name}_{kind}_ms"] = {
                "value": round(values[name], 1),
                "at_least": None,
                "aim": None,
                "unit": f"ms of {len(each)} records",
            }
    short = [
        name
        for name, figure in figures.items()
        if figure["at_least"] is not None and figure["value"] < figure["at_least"]
    ]
    return {"bench": "spine", "figures": figures, "short": short}


def measure(stage_of: Callable[..., Stage], bins: int, visits: int, seed: int) -> list[float]:
    """Milliseconds from saved to settled of every deposit in one run of a stage."""
    village = build(seed, bins, bins * visits, gap_s=GAP_S)
    pace = Pace(start_s=int(time.time()), speed=1, give_up_s=60, reads_s=0)
    with (
        guard.folder("farz-bench-") as folder,
        stage_of(Path(folder), village, pace, say) as stage,
    ):
        deadline_s = time.monotonic() + LIMIT_S
        while any(part.running for part in stage.bins.values()) and time.monotonic() < deadline_s:
            raise_for(stage.fallen())
            time.sleep(0.5)
        raise_for([part for part in stage.bins.values() if part.exit_code != 0])
        return [wait for device in stage.bins for wait in waits_of(stage.bin_dir(device))]


def waits_of(folder: Path) -> list[float]:
    """Milliseconds from saved to settled of one bin's deposits, by what the bin saw itself."""
    saved: dict[tuple[str, int], int] = {}
    waits = []
    for line in (folder / "out.jsonl").read_text().splitlines():
        seen = json.loads(line)
        name = (seen.get("epoch"), seen.get("seq"))
        if seen["event"] == "saved":
            saved[name] = seen["wall_ms"]
        elif seen["event"] == "settled" and name in saved:
            waits.append(float(seen["wall_ms"] - saved.pop(name)))
    return waits
