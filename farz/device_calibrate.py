"""`farz device calibrate` and `accept`: a technician at the bin, step by step.

The cable measures, the town signs, the bin verifies. Whatever is asked is asked on standard error,
so that standard output carries the result alone.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from farz import device_acceptance
from farz.calibrating import (
    MIDDLE,
    Outcome,
    Protocol,
    Reading,
    check_plan,
    fitted,
    judge,
    places,
    solve,
)
from farz.device_cable import Cable, connected
from farz.errors import FarzError
from farz.town import open_books
from firmware import contract
from firmware.scale import issuing

app = typer.Typer()
Device = Annotated[str, typer.Argument(help="Device id: a-z, 0-9 and hyphens.")]
Port = Annotated[str, typer.Option(help="Serial port of the bin, such as /dev/ttyUSB0.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not wait for Enter between steps.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, nothing else.")]
DAY_S = 86_400
Step = Callable[[str], None]


@app.command()
def calibrate(
    device: Device,
    port: Port = "",
    by: Annotated[str, typer.Option(help="Who calibrates; stands in the record.")] = "",
    seal: Annotated[str, typer.Option(help="Number of the seal on the scale.")] = "",
    weight: Annotated[
        int, typer.Option(min=1, help="Known weight for the span, in grams.")
    ] = 10_000,
    loads: Annotated[
        str, typer.Option(help="Check weights in grams, else 25, 50, 100 % of Max.")
    ] = "",
    corners: Annotated[bool, typer.Option(help="Check a third of Max over each corner.")] = True,
    in_service: Annotated[
        bool, typer.Option(help="Judge by the errors permissible in service.")
    ] = False,
    fit: Annotated[str, typer.Option(help="Temperature fit: ref_c10,zero_mg_c,span_ppm_c.")] = "",
    other_temperature: Annotated[
        list[Path] | None,
        typer.Option(help="A protocol of this scale, warmer or colder; makes the fit. Repeatable."),
    ] = None,
    valid_days: Annotated[int, typer.Option(min=1, help="How long it holds.")] = 730,
    reject: Annotated[
        bool, typer.Option(help="If it fails, lock crediting by a signed record.")
    ] = False,
    protocol: Annotated[Path | None, typer.Option(help="Write what was measured here.")] = None,
    from_protocol: Annotated[Path | None, typer.Option(help="Measure nothing, take this.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the signed record here.")] = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Calibrate a bin: zero, known weight, check weights, verdict, signature.

    Only a scale that passes gets a calibration; else the old one stays in force. Exit code 1 then.
    The books sign (--data-dir); without them, measure first and sign later from the protocol.

    Examples:
      farz device calibrate bin-12 --port /dev/ttyUSB0 --weight 20000 --seal S-0017 --by "F. Tech"
      farz device calibrate bin-12 --port /dev/ttyUSB0 --protocol bin-12.json --by F --seal S-0017
      farz device calibrate bin-12 --from-protocol bin-12.json --out bin-12.jws --by F --seal S-0017
      farz device calibrate bin-12 --from-protocol mild.json --other-temperature frost.json …
    """
    if not by or not seal:
        raise FarzError("A calibration names who made it and its seal: --by NAME --seal NUMBER.")
    with _cable(port) as cable:
        if from_protocol is not None:
            measured = _protocol(from_protocol)
        elif cable is not None:
            wanted = _plan(loads, corners)
            measured = measure(cable, device, weight, wanted, _steps(yes))
        else:
            raise FarzError("Give --port to measure, or --from-protocol FILE.")
        if measured.device != device:
            raise FarzError(f"This is {measured.device}, not {device}.")
        if protocol is not None:
            protocol.write_text(json.dumps(measured.as_dict(), indent=1) + "\n")
        moves = _fit(fit)
        if other_temperature:
            moves = fitted(measured, [_protocol(each) for each in other_temperature])
        outcome = judge(measured, in_service=in_service, fit=moves)
        jws = None
        if outcome.passed or reject:
            body = record(measured, outcome, by=by, seal=seal, days=valid_days, fit=moves)
            jws = signed(device, body)
            if out is not None:
                out.write_text(jws + "\n")
            if cable is not None:
                cable.ask("calibrate", jws=jws)
    _report(measured, outcome, jws, installed=jws is not None and bool(port), as_json=as_json)
    raise typer.Exit(0 if outcome.passed else 1)


@app.command()
def accept(
    device: Device,
    port: Port,
    weight: Annotated[int, typer.Option(min=1, help="Known weight in grams.")] = 10_000,
    skip: Annotated[str, typer.Option(help="Steps to leave out, such as display,card.")] = "",
    seconds: Annotated[int, typer.Option(min=1, help="How long to wait for the link.")] = 120,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Acceptance test of a new bin: journal, scale, lid, display, card, and the way to the books.

    Every step is said on standard error; the report comes at the end. Exit code 1 if one failed.
    Example:  farz device accept bin-12 --port /dev/ttyUSB0 --weight 10000
    """
    left_out = {each.strip() for each in skip.split(",") if each.strip()}
    with connected(port) as cable:
        report = device_acceptance.accept(
            cable, device, weight, left_out, _steps(yes), seconds=seconds, asks=not yes
        )
    if as_json:
        typer.echo(json.dumps(report))
    else:
        for each in report["steps"]:
            typer.echo(f"{each['verdict']:<8} {each['step']:<10} {each['words']}")
        typer.echo(f"{device} is {'accepted' if report['ok'] else 'NOT accepted'}.")
    raise typer.Exit(0 if report["ok"] else 1)


def measure(
    cable: Cable, device: str, weight_g: int, wanted: list[tuple[int, str]] | None, step: Step
) -> Protocol:
    """Lead through zero, spans and checks; `wanted` None stands for the usual checks."""
    about = cable.ask("about")
    if about["device"] != device:
        raise FarzError(f"The bin at this cable is {about['device']}, not {device}.")
    limits = about["limits"]

    def take(grams: int, place: str, words: str) -> Reading:
        step(words)
        found = cable.ask("counts")
        return Reading(grams, place, found["counts"], found["temp_c10"])

    zero = take(0, MIDDLE, "Empty the platform and shut the lid.")
    made = Protocol(device, about["cal"] + 1, limits, zero)
    for place in places(about["cells"]):
        made.spans.append(take(weight_g, place, f"Put {weight_g} g on: {place}."))
    solve(zero, made.spans)  # a weight that nobody put there is said before the checks
    for grams, place in check_plan(limits) if wanted is None else wanted:
        grams_at = grams or limits[2] // 3
        made.checks.append(take(grams_at, place, f"Put {grams_at} g on: {place}."))
    step("Empty the platform.")
    return made


def record(
    measured: Protocol, outcome: Outcome, *, by: str, seal: str, days: int, fit: list[int] | None
) -> dict[str, Any]:
    """The body of the record of calibration."""
    now_s = int(time.time())
    return {
        "v": contract.VERSION,
        "number": measured.number,
        "cells": outcome.cells,
        "fit": fit,
        "passed": outcome.passed,
        "limits": measured.limits,
        "from_s": now_s,
        "until_s": now_s + days * DAY_S,
        "seal": seal,
        "by": by,
    }


def signed(device: str, body: dict[str, Any]) -> str:
    """The record under the device's newest key in the town's books, which are read alone."""
    from backend import db
    from backend.devices import service as devices
    from backend.settings import Settings
    from backend.vault import Vault
    from firmware.errors import CalibrationRefused

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        known = devices.keys(conn, Vault(Settings().town_secret()), ledger_id, device)
    if not known:
        raise FarzError(f"There is no device {device}. Run: farz device provision {device}")
    key = known[max(known)]
    try:
        return str(issuing.sign(key.down, device, key.number, body))
    except (CalibrationRefused, contract.ContractError) as error:
        raise FarzError(f"No bin would take this calibration: {error}.") from None


def _protocol(path: Path) -> Protocol:
    """Read what --protocol wrote. FarzError if that is something else."""
    try:
        return Protocol.of(json.loads(path.read_text()))
    except ValueError:
        raise FarzError(f"{path} is no protocol; --port with --protocol FILE writes one.") from None


def _plan(loads: str, corners: bool) -> list[tuple[int, str]] | None:
    """The checks that were asked for; None: the usual ones, 0 grams: a third of Max."""
    if not loads and corners:
        return None
    try:
        middle = [(int(each), MIDDLE) for each in loads.split(",") if each]
    except ValueError:
        raise FarzError("--loads takes grams with commas: --loads 15000,30000,60000") from None
    if not middle and not corners:
        raise FarzError("Without any check nothing can pass. Give --loads or leave --no-corners.")
    return middle + [(0, f"corner {number}") for number in range(1, 5) if corners]


def _fit(text: str) -> list[int] | None:
    if not text:
        return None
    try:
        ref_c10, zero_mg_c, span_ppm_c = (int(each) for each in text.split(","))
    except ValueError:
        raise FarzError("--fit takes three whole numbers: --fit 200,150,-40") from None
    return [ref_c10, zero_mg_c, span_ppm_c]


def _steps(yes: bool) -> Step:
    def step(words: str) -> None:
        if yes:
            typer.echo(words, err=True)
        else:
            typer.prompt(f"{words} Then press Enter", default="", show_default=False, err=True)

    return step


@contextmanager
def _cable(port: str) -> Iterator[Cable | None]:
    if not port:
        yield None
        return
    with connected(port) as cable:
        yield cable


def _report(
    measured: Protocol, outcome: Outcome, jws: str | None, *, installed: bool, as_json: bool
) -> None:
    if as_json:
        checks = [{**asdict(each), "passed": each.passed} for each in outcome.verdicts]
        body = {"device": measured.device, "number": measured.number, "passed": outcome.passed}
        body |= {"cells": outcome.cells, "checks": checks, "notes": outcome.notes}
        typer.echo(json.dumps({**body, "jws": jws, "installed": installed}))
        return
    for each in outcome.verdicts:
        said = "well" if each.passed else "TOO FAR"
        typer.echo(
            f"{each.grams:>7} g {each.place:<9} error {each.error_mg / 1000:+8.3f} g"
            f"  permissible {each.permissible_mg / 1000:.1f} g  {said}"
        )
    for note in outcome.notes:
        typer.echo(f"note: unlike class III: {note}")
    word = "passed" if outcome.passed else "FAILED; the calibration before stays in force"
    typer.echo(f"Calibration {measured.number} of {measured.device}: {word}.")
    if jws is not None and not installed:
        typer.echo(jws)
