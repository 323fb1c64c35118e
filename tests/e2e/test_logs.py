"""Nobody is in a log: everything that all parts of a busy village write is read through."""

import re
import sqlite3
import time
from pathlib import Path

import httpx

from farz.demo import await_bins
from farz.redeeming import redeem
from farz.stage import Pace, Stage
from farz.village import build

NAME = "Khadija Al-Synthetic"


def test_a_busy_village_logs_no_name_card_or_secret(tmp_path: Path) -> None:
    village = build(5, 2, 20)
    span_s = max(v.at_s for bin_ in village.bins for v in bin_.visits) + 3_600
    with Stage(tmp_path, village, Pace(start_s=int(time.time()) - span_s), lambda _: None) as stage:
        await_bins(stage, 20)
        redeem(stage.url, stage.founded, 3, 5)
        numbers = [number for number, _ in stage.founded.residents]
        _ask_everything(stage, numbers[0])
        _disturb(stage, tmp_path, numbers[0])

    written = _logs(tmp_path)
    assert len(written) >= 4  # backend, gateway and two bins
    assert "resident" in written["backend.log"]  # routes are logged, and who asked is not
    secrets = {
        *(person.name for person in village.people),
        *(person.uid.hex() for person in village.people),
        *numbers,
        NAME,
        *stage.founded.passwords.values(),
        stage.founded.gateway_key,
        *(bin_.key.hex() for bin_ in village.bins),
    }
    assert found(secrets, written) == []


def test_the_search_finds_what_it_looks_for() -> None:
    """The control: numbers in groups, chips in capitals and names in any case are found."""
    written = {"backend": "card 1234 5674 of AMAL (SYNTHETIC), chip 04A1B2C3, at 1234567490"}

    assert found({"12345674", "Amal (synthetic)", "04a1b2c3"}, written) == [
        ("04a1b2c3", "backend"),
        ("12345674", "backend"),
        ("Amal (synthetic)", "backend"),
    ]
    assert found({"23456749"}, written) == []


def found(secrets: set[str], written: dict[str, str]) -> list[tuple[str, str]]:
    """Return each secret with the log that it is in; digits may stand in groups of four."""
    hits = []
    for secret in secrets:
        digits = secret.isdecimal()
        spelt = f"{secret[:4]} ?{secret[4:]}" if digits else re.escape(secret)
        pattern = re.compile(rf"(?<!\d){spelt}(?!\d)" if digits else spelt, re.IGNORECASE)
        hits += [(secret, name) for name, text in written.items() if pattern.search(text)]
    return sorted(hits)


def _logs(folder: Path) -> dict[str, str]:
    """Every log of the village, the broker's too."""
    paths = [*(folder / "log").glob("*.log"), *(folder / "broker").glob("*.log")]
    return {path.name: path.read_text(errors="replace") for path in paths}


def _ask_everything(stage: Stage, number: str) -> None:
    """What a town's people ask in a day, with names and cards in paths, queries and bodies."""
    with httpx.Client(base_url=stage.url, timeout=20) as client:
        wrong = {"number": number, "pin": "0000"}
        for body in (wrong, {"number": number}, {"number": NAME, "pin": "1"}):
            client.post("/v1/sessions/resident", json=body)
        client.get(f"/v1/cards/{number}")
        client.get(f"/nowhere/{number}", params={"name": NAME})
        login = "administrator"
        body = {"login": login, "password": stage.founded.passwords[login]}
        assert client.post("/v1/sessions/staff", json=body).status_code == 200
        given = {"version": "1", "given_s": 5, "how": "paper"}
        body = {"name": NAME, "household": NAME, "consent": given}
        made = client.post("/v1/people", json=body).json()
        card = {"uid": "04c0ffee112233", "pin": "4711"}
        for _ in range(2):  # the second is refused: the card is taken
            client.post(f"/v1/people/{made['id']}/cards", json=card)
        client.post("/v1/people", json={"name": NAME, "nickname": NAME})
        client.post("/v1/people", content=f'{{"name": "{NAME}"')
        client.get("/v1/people", params={"name": NAME})
        client.get(f"/v1/cards/{number}")
        client.get(f"/v1/people/{made['id']}/export.csv")
        client.post(f"/v1/cards/{number}/block")
        erasure = {"reason": "asked for"}
        assert client.post(f"/v1/people/{made['id']}/erasure", json=erasure).status_code == 200


def _disturb(stage: Stage, folder: Path, number: str) -> None:
    """Faults, whose messages like to quote what was asked: the books' tables are taken away."""
    books = sqlite3.connect(folder / "town" / "books.sqlite", timeout=20)
    books.execute("ALTER TABLE card RENAME TO card_gone")
    books.commit()
    with httpx.Client(base_url=stage.url, timeout=20) as client:
        body = {"number": number, "pin": "1111"}
        assert client.post("/v1/sessions/resident", json=body).status_code in (500, 503)
    books.execute("ALTER TABLE card_gone RENAME TO card")
    books.commit()
    books.close()
