"""`farz device` on the bench: signing keys, bundles, flashing, console, simulated bins."""

import json
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from farz.asking import secret
from farz.device_admit import label_words
from farz.errors import FarzError

app = typer.Typer()
Port = Annotated[str, typer.Option(help="Serial port of the board, such as /dev/ttyUSB0.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, nothing else.")]
Files = Annotated[Path, typer.Option(help="What `farz device provision --files` wrote.")]
MODEL = "bin-a"


@app.command(name="signing-key")
def signing_key(
    path: Annotated[Path, typer.Argument(help="A file that does not exist yet.")],
    as_json: Json = False,
) -> None:
    """Make the key that signs updates. Keep it off the network; bins trust its public half.

    Example:  farz device signing-key firmware-2027.pem
    """
    from farz import device_bundles

    public = device_bundles.new_key(path)
    name = device_bundles.key_name(public)
    if as_json:
        typer.echo(json.dumps({"name": name, "public": public, "file": str(path)}))
        return
    typer.echo(f"name    {name}\npublic  {public}\nfile    {path}")


@app.command()
def bundle(
    version: Annotated[int, typer.Option(min=1, help="Higher than what bins run.")],
    key: Annotated[Path, typer.Option(help="What `farz device signing-key` made.")],
    out: Annotated[Path, typer.Option(help="The bundle's file.")],
    min_version: Annotated[
        int, typer.Option(min=0, help="Once in force, nothing below may come any more.")
    ] = 0,
    model: Annotated[str, typer.Option(help="Boards that may take it.")] = MODEL,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="For bins of `farz device simulate`, not the ESP32.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compile the firmware with mpy-cross for the ESP32 and sign it as an update.

    Examples:
      farz device bundle --version 7 --key firmware-2027.pem --out farz-7.bundle
      farz device bundle --version 7 --key trial.pem --out trial.bundle --simulated
    """
    from farz import device_bundles
    from farz.device_bundles import About

    private = device_bundles.read_key(key)
    say = partial(typer.echo, err=True)  # progress is not the answer
    made_of = device_bundles.simulated if simulated else device_bundles.compiled
    files = made_of(say=say)
    raw = device_bundles.pack(files, About(version, min_version, model), private)
    out.write_bytes(raw)
    signer = device_bundles.key_name(device_bundles.public_hex(private))
    found = {"version": version, "min_version": min_version, "model": model, "key": signer}
    found |= {"files": len(files), "bytes": len(raw), "out": str(out)}
    if as_json:
        typer.echo(json.dumps(found))
        return
    typer.echo(
        f"{out}: version {version}, {len(files)} files, {len(raw)} bytes, signed by {signer}"
    )


@app.command()
def update(
    path: Annotated[Path, typer.Argument(help="What `farz device bundle` wrote.")],
    device: Annotated[str, typer.Option(help="Over the air: the bin's id.")] = "",
    port: Annotated[str, typer.Option(help="By cable instead: its serial port.")] = "",
    url: Annotated[str, typer.Option(help="The running backend.")] = "http://127.0.0.1:8000",
    login: Annotated[str, typer.Option(help="A technician's name.")] = "technician",
    password: Annotated[
        str, typer.Option(envvar="FARZ_STAFF_PASSWORD", help="Asked for if it is not given.")
    ] = "",
    code: Annotated[str, typer.Option(help="Second factor, if the login has one.")] = "",
    patience_s: Annotated[int, typer.Option(min=1, help="Without progress, then it ends.")] = 600,
    as_json: Json = False,
) -> None:
    """Bring a signed bundle to a bin, which tries it in one start and keeps it if all is well.

    Over the air it goes in some hundred orders through the backend, on from where it was
    interrupted, and ends when the bin says what is in force. By cable the bin tries it when the
    cable is let go; the same command again tells what became of it.
    The password is asked for, and may be piped as one line.
    Examples:
      farz device update farz-7.bundle --device bin-12 --login salma
      farz device update farz-7.bundle --port /dev/ttyUSB0
    """
    from farz import device_update
    from farz.device_cable import connected

    if bool(device) == bool(port):
        raise FarzError("Say where it goes: --device over the air, or --port by cable.")
    if not path.is_file():
        raise FarzError(f"There is no {path}. Make one: farz device bundle --help")
    bundle = device_update.read(path.read_bytes())
    say = partial(typer.echo, err=True)  # progress is not the answer
    if port:
        with connected(port) as cable:
            by_cable = device_update.ByCable(cable)
            before = device_update.send(by_cable, bundle, say, patience_s)
    else:
        given = password or secret(f"Password for {login}")
        with device_update.signed_in(url, login, given, code) as client:
            over_air = device_update.OverAir(client, device)
            before = device_update.send(over_air, bundle, say, patience_s)
            device_update.await_in_force(over_air, bundle, before, say, patience_s)
    in_force = not port or before.version == bundle.version
    found = {"version": bundle.version, "before": before.version, "in_force": in_force}
    if as_json:
        typer.echo(json.dumps(found))
    elif in_force:
        typer.echo(f"version {bundle.version} is in force")
    else:
        typer.echo("complete; the bin tries it now. The same command again tells what became of it")


@app.command()
def flash(
    port: Port,
    files: Files,
    image: Annotated[
        Path | None, typer.Option(help="MicroPython for the ESP32; ERASES the board first.")
    ] = None,
    version: Annotated[int, typer.Option(min=0, help="What this firmware is called.")] = 0,
    dry_run: Annotated[bool, typer.Option(help="Say what would be done, touch nothing.")] = False,
) -> None:
    """Put MicroPython (with --image) and the firmware onto a board at the cable.

    --image erases the whole board, its journal too: salvage it first. Never run on silicon yet.
    Examples:
      farz device flash --port /dev/ttyUSB0 --files bin-12 --image ESP32_GENERIC-SPIRAM.bin
      farz device flash --port /dev/ttyUSB0 --files bin-12 --version 6
    """
    from farz import device_flash
    from farz.device_bundles import compiled
    from farz.device_cable import connected, require_port

    own = device_flash.own_files(files)
    if image is not None and not image.is_file():
        raise FarzError(f"There is no {image}: MicroPython's own download for ESP32_GENERIC.")
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        if dry_run:
            if image is not None:
                for command in device_flash.commands(port, image, Path("partitions.bin")):
                    typer.echo(" ".join(command[2:]))
            typer.echo(f"then over {port}: /loader, /factory, main.py, {', '.join(own)}")
            return
        require_port(port)
        if image is not None:
            typer.echo(f"writing {image.name}; this takes a minute or two", err=True)
            device_flash.write_image(port, image, work)
    say = partial(typer.echo, err=True)
    carried = compiled(say=say)  # before the bin is stopped
    with connected(port) as cable:
        count = device_flash.write_files(cable, own, version, say, carried)
    typer.echo(f"{count} files are on the board, and it starts now.\n{label_words(files)}")


@app.command()
def console(
    port: Port,
    repl: Annotated[bool, typer.Option(help="MicroPython's prompt; stops the bin.")] = False,
    seconds: Annotated[float, typer.Option(min=0, help="0: until CTRL-C.")] = 0,
    as_json: Json = False,
) -> None:
    """Read along what a bin says at its cable, without disturbing it.

    Examples:
      farz device console --port /dev/ttyUSB0
      farz device console --port /dev/ttyUSB0 --repl
    """
    from farz.device_cable import lines, require_tool, words_of

    if repl:
        require_tool("mpremote")
        command = [sys.executable, "-m", "mpremote", "connect", port, "repl"]
        raise typer.Exit(subprocess.call(command))
    for event, facts in lines(port, seconds):
        if as_json:
            typer.echo(json.dumps({"event": event, **facts}))
        else:
            typer.echo(f"{event:<12} {words_of(event, facts)}")


@app.command()
def simulate(
    files: Files,
    visits: Annotated[int, typer.Option(min=0, help="Synthetic visits, 300 s apart.")] = 20,
    speed: Annotated[int, typer.Option(min=0, help="Times real time; 0: as fast as it can.")] = 1,
    seed: Annotated[int, typer.Option(help="The same seed makes the same day.")] = 1,
    cable: Annotated[bool, typer.Option(help="Sit at a pseudo-terminal instead.")] = False,
    as_json: Json = False,
) -> None:
    """Run one simulated bin against the broker in its settings; its weights are synthetic.

    The firmware is the one that ships, in a real MicroPython. Its flash lies in --files, so a
    second run goes on where the first ended. Its cards are in no register, so that what they bring
    is suspended; it says which they are, and how to register one. Faster than real time its clock
    runs ahead of yours: what is more than five minutes ahead is held, dated in the future.

    --cable prints the name of a port for the other commands (calibrate, accept, console) and waits.
    Hands at it are a file FILES/hands.json: {"grams": 10000}, {"lid_open": true}, {"card": "04…"}.
    Examples:
      farz device simulate --files bin-12 --visits 3
      farz device simulate --files bin-12 --cable
    """
    from farz import device_simulate

    if cable:
        device_simulate.prepare(files, 0, seed=seed, speed=speed)
        with device_simulate.on_cable(files) as port:
            typer.echo(json.dumps({"port": port}) if as_json else f"port  {port}")
            typer.prompt("Press Enter to pull the cable", default="", show_default=False, err=True)
        return
    device_simulate.prepare(files, visits, seed=seed, speed=speed)
    if visits:
        typer.echo(device_simulate.about_cards(seed), err=True)
    code = device_simulate.run(files, lambda line: _told(line, as_json))
    raise typer.Exit(code)


def _told(line: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(line))
        return
    from farz.device_cable import words_of

    facts = {k: v for k, v in line.items() if k not in ("event", "at_s", "wall_ms")}
    clock = time.strftime("%H:%M:%S", time.localtime(line["at_s"]))
    typer.echo(f"{clock} {line['event']:<10} {words_of(line['event'], facts)}")
