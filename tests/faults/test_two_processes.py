"""Several API processes on PostgreSQL work on one town's books; SQLite takes one, and says so."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from backend import db
from backend.ledger.transfers import Credit
from backend.ledger.verify import verify
from backend.services import Services
from backend.tables import person
from farz.books import booked
from farz.drills.load import signed
from farz.founding import Founded, found
from farz.processes import ROOT, Part, free_port, python
from farz.redeeming import redeem
from farz.stage import Stage
from farz.town import open_town
from farz.village import build

NOW_S = 1_790_000_000
MADE = 12


def _found(monkeypatch: pytest.MonkeyPatch, folder: Path, url: str) -> Founded:
    monkeypatch.setenv("FARZ_DATA_DIR", str(folder))
    monkeypatch.setenv("FARZ_DATABASE_URL", url)
    with open_town(create=True) as services:
        made = found(services, build(1, 1, 4), bytes(32), NOW_S)
        _endow(services)
    return made


def _endow(services: Services) -> None:
    with services.read() as conn:
        residents = conn.scalars(select(person.c.account_id)).all()
    for seq, account_id in enumerate(residents):
        services.poster.submit(signed(99, seq, Credit(account_id, 50_000))).result(30)


def test_two_backends_share_one_towns_books(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    founded = _found(monkeypatch, tmp_path, postgres_url)
    ports = [free_port(), free_port()]
    backends = [
        Part(f"backend-{n}", python("-m", "farz", "serve", "--port", str(port)),
             tmp_path / f"{n}.log")
        for n, port in enumerate(ports)
    ]  # fmt: skip
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    try:
        for backend in backends:
            backend.start()
        for backend, url in zip(backends, urls, strict=True):
            backend.await_ready(lambda url=url: Stage._answers(f"{url}/readyz"))  # type: ignore[misc]
        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(lambda n: redeem(urls[n], founded, MADE, seed=n), range(2)))
            receipts = [_race(pool, urls, founded, number) for number in range(5)]
    finally:
        for backend in backends:
            backend.stop()
    engine = db.create_engine(postgres_url)
    with db.read(engine) as conn:
        books = booked(conn, 1)
        report = verify(conn, 1)
    engine.dispose()

    assert report.ok, report.problems
    assert [each.made for each in done] == [MADE, MADE]
    assert [each.replayed for each in done] == [MADE, MADE]
    assert books.handed_out_g == sum(each.grams for each in done) + 5 * 1000
    assert all(len(each) == 1 for each in receipts)


def _race(pool: ThreadPoolExecutor, urls: list[str], founded: Founded, number: int) -> set[str]:
    """One redemption under one key through both processes at once: the receipts that came back."""

    def ask(url: str) -> str:
        with httpx.Client(base_url=url, timeout=30) as client:
            login = {"login": "clerk", "password": founded.passwords["clerk"]}
            assert client.post("/v1/sessions/staff", json=login).status_code == 200
            who = client.get("/v1/people").json()[0]["id"]
            body = {"product_id": founded.product_id, "person_id": who, "grams": 1000}
            key = {"Idempotency-Key": f'"race-{number}"'}
            answer = client.post("/v1/redemptions", json=body, headers=key)
            assert answer.status_code in (200, 201), answer.text
            return str(answer.json()["receipt"])

    return set(pool.map(ask, urls))


def test_a_second_backend_on_sqlite_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _found(monkeypatch, tmp_path, "")
    with open_town():
        second = subprocess.run(
            python("-m", "farz", "serve", "--port", str(free_port())),
            cwd=ROOT, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    assert second.returncode == 1
    assert "in use by another backend process" in second.stderr
    assert "Traceback" not in second.stderr
