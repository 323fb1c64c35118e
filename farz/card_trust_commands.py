"""`farz card chip | late | cap`: what cards prove, and what those that prove nothing may bring."""

import json
import time
from typing import Annotated

import typer

from farz.errors import FarzError
from farz.signing import by_whom
from farz.telling import tell

By = Annotated[str, typer.Option(help="The login of who does it.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value, nothing else.")]
# NXP AN12196: the NDEF file's settings that a chip of the town is given with its keys.
FILE_SETTINGS = {
    "file": "E104 (NDEF), read by anybody, written with key 0",
    "address": "https://YOUR.TOWN/c?e=00000000000000000000000000000000&c=0000000000000000",
    "sdm": "PICCData mirrored encrypted (UID and counter) at e=, SDMMAC at c=",
    "sdm_mac_input_offset": "the same as SDMMACOffset: the MAC is over nothing else",
    "sdm_meta_read": "key 1",
    "sdm_file_read": "key 2",
}


def add_to(app: typer.Typer) -> None:
    for command in (chip, late, cap, service):
        app.command()(command)


def chip(
    uid: Annotated[str, typer.Argument(help="The chip's UID in hex, 14 digits.")],
    by: By,
    version: Annotated[int, typer.Option(help="Of the town's card keys.")] = 1,
    as_json: Json = False,
) -> None:
    """Register an NTAG 424 DNA and print the keys to write on it.

    The keys come from the town's secret and are kept nowhere: the same command prints them
    again. Write them with a card writer, and issue the card to a person with `farz card issue`.

    Example:  farz card chip 04DE5F1EACC040 --by admin
    """
    from backend.cards import secure
    from backend.errors import BadInput
    from farz.town import open_town

    try:
        raw = bytes.fromhex(uid)
    except ValueError:
        raise BadInput(f"{uid!r} is not a UID in hex; read the card again.") from None
    with open_town() as services, services.begin() as conn:
        made = secure.register(
            conn,
            services.vault,
            services.ledger_id,
            raw,
            version=version,
            decided_by=by_whom(conn, services.ledger_id, by, "cards:issue"),
            from_s=int(time.time()),
        )
    keys = {"key 0": made.master, "key 1": made.picc, "key 2": made.mac}
    shown = {name: key.hex() for name, key in keys.items()}
    if as_json:
        typer.echo(json.dumps({"uid": raw.hex(), "version": version, **shown, **FILE_SETTINGS}))
        return
    for name, value in {**shown, **FILE_SETTINGS}.items():
        typer.echo(f"{name:<21} {value}")


def service(
    uid: Annotated[str, typer.Argument(help="The card's UID in hex.")],
    who: Annotated[str, typer.Option(help="Login of whoever gets it.")],
    device: Annotated[list[str], typer.Option(help="A bin that it opens; may be repeated.")],
    by: By,
    plain: Annotated[bool, typer.Option("--plain", help="A card that proves nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Give somebody of the staff a card that opens bins; print what goes into their settings.

    Prints one JSON object: the chip's keys, and for each bin the entry for `service` in its
    settings.json, put there by cable. A --plain card opens a bin by its number alone, which can
    be copied: for bins without a PN532.

    Example:
      farz card service 04DE5F1EACC040 --who salma --device bin-1 --device bin-2 --by admin
    """
    from backend.cards import service_cards
    from backend.errors import BadInput
    from farz.town import open_town
    from firmware.reader.staff import tag

    try:
        raw = bytes.fromhex(uid)
    except ValueError:
        raise BadInput(f"{uid!r} is not a UID in hex; read the card again.") from None
    with open_town() as services, services.begin() as conn:
        made = service_cards.register(
            conn,
            services.vault,
            services.ledger_id,
            raw,
            login=who,
            proves=not plain,
            decided_by=by_whom(conn, services.ledger_id, by, "devices:write"),
            from_s=int(time.time()),
        )
    entry = {} if made is None else {"picc": made.picc.hex(), "mac": made.mac.hex()}
    chip = {} if made is None else {"key 0": made.master.hex(), **FILE_SETTINGS}
    bins = {name: {"tag": tag(name, raw), **entry} for name in device}
    told = {"chip": {**chip, **entry}, "service": bins}
    tell(told, json.dumps(told, indent=2), as_json)


def late(as_json: Json = False) -> None:
    """List messages of secure cards that came long after newer ones of the same card.

    Example:  farz card late
    """
    from backend import db
    from backend.cards import secure
    from farz.town import open_books

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        found = secure.late(conn, ledger_id)
    if as_json:
        rows = [{name: getattr(each, name) for name in each.__slots__} for each in found]
        typer.echo(json.dumps(rows))
        return
    for each in found:
        name = f"{each.device} {each.epoch} {each.seq}"
        typer.echo(f"{name}  count {each.counter}, {each.behind} behind")
    if not found:
        typer.echo("no message came far behind its card's newest")


def cap(
    grams: Annotated[int | None, typer.Option(help="A day's most in grams.")] = None,
    amount: Annotated[int | None, typer.Option(help="A day's most in minor units.")] = None,
    none: Annotated[bool, typer.Option("--none", help="Cap nothing from now on.")] = False,
    by: Annotated[str, typer.Option(help="To set it: the login of who decides it.")] = "",
    as_json: Json = False,
) -> None:
    """Show or set what a card that proves nothing may bring a day; the rest is held.

    Example:  farz card cap --grams 30000 --amount 1500 --by admin
    """
    from backend import db
    from backend.cards import caps
    from farz.town import open_books, open_town

    if none or grams is not None or amount is not None:
        if not by:
            raise FarzError("Say who decides it: --by LOGIN. See: farz staff list")
        with open_town() as services, services.begin() as conn:
            caps.set_cap(
                conn,
                services.ledger_id,
                daily_g=None if none else grams,
                daily_amount=None if none else amount,
                decided_by=by_whom(conn, services.ledger_id, by, "budgets:write"),
                from_s=int(time.time()),
            )
    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        found = caps.caps(conn, ledger_id)
    if as_json:
        rows = [{name: getattr(each, name) for name in each.__slots__} for each in found]
        typer.echo(json.dumps(rows))
        return
    for each in found:
        day = time.strftime("%Y-%m-%d %H:%M", time.localtime(each.from_s))
        since = f"since {day}" if each.from_s else "from the beginning"
        typer.echo(
            f"{since}: {_a_day(each.daily_g, 'g')}, {_a_day(each.daily_amount, 'minor units')}"
        )
    if not found:
        typer.echo("plain cards are not capped; set one: farz card cap --grams 30000 --by admin")


def _a_day(most: int | None, unit: str) -> str:
    return f"any number of {unit} a day" if most is None else f"at most {most} {unit} a day"
