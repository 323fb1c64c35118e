"""Drills: something is broken on purpose under load; then every number is compared.

Every drill says how often it struck, and what was lost, doubled or not conserved. Each imports
the rooms it needs only when it is run.
"""

from importlib import import_module
from typing import Any, Literal

from farz.errors import FarzError

Engine = Literal["sqlite", "postgresql"]

DRILLS = {
    "restart": "every part of a village is killed in the middle",
    "kill": "the books' server, and PostgreSQL itself, are killed under a mixed load",
    "failpoint": "the poster fails before or after each of its statements in turn",
    "lost-day": "all is lost but a backup of yesterday; gateways bring the day back",
    "power-cut": "a bin's power fails at every flash operation of many visits, and at random",
    "broker": "broker, gateway and the network between fail in eight ways, one after another",
    "soak": "a simulated month of wrapping ticks, outages, power cuts and wrong clocks",
    "scale": "load cell and converter fail in all the ways they are known to",
}
ON_BOOKS = ("kill", "failpoint", "lost-day")  # they take an engine


def drill(name: str, runs: int, seed: int, engine: Engine = "sqlite") -> dict[str, Any]:
    """Run a drill and count what was lost or doubled; `ok` is false if anything was, or if the
    drill struck less often than it should have. FarzError for a name there is not.
    """
    if name not in DRILLS:
        raise FarzError(f"There is no drill {name!r}. There are: {', '.join(DRILLS)}.")
    module = import_module(f"farz.drills.{name.replace('-', '_')}")
    counts = module.run(runs, seed, engine) if name in ON_BOOKS else module.run(runs, seed)
    report = {"drill": name, "engine": engine, "runs": runs, "seed": seed, **counts}
    report["ok"] = (
        report["lost"] == report["doubled"] == 0 and report["conserved"] and report.pop("struck")
    )
    return report
