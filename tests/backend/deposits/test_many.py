"""Many gateways, several processes, a restart: the same totals."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import text

from backend.app import create_app
from backend.devices import service as devices
from backend.ledger.verify import verify
from backend.settings import Settings
from tests.backend.village import START_S, Bin, Gateway, Town, town


def test_a_batch_that_comes_many_times_at_once_credits_once(town: Town) -> None:
    batch = town.gateway.batch(*[("bin-1", town.bin.deposit()) for _ in range(20)])

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _n: town.gateway.post(batch), range(6)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({str(answer.json()["results"]) for answer in answers}) == 1
    assert town.balance(town.amal) == 20 * 50
    with town.services.read() as conn:
        assert not verify(conn, 1).problems


def test_a_restart_forgets_nothing(tmp_path: Path, database_url: str) -> None:
    with town(tmp_path, database_url) as before:
        batch = before.gateway.batch(("bin-1", before.bin.deposit()))
        first = before.gateway.post(batch).json()["results"]
        session = before.browser("amal").cookies

    app = create_app(Settings(data_dir=tmp_path, database_url=database_url), before.clock)
    with TestClient(app) as client:
        gateway = Gateway(
            client, "gateway-1", before.gateway.key, before.gateway.attests, before.clock
        )

        assert gateway.post(batch).json()["results"] == first
        client.cookies = session
        url = f"/v1/people/{before.amal.id}/balance"
        assert client.get(url).json()["balance"] == 50


def test_a_key_given_in_one_process_is_known_in_another(tmp_path: Path, postgres_url: str) -> None:
    with town(tmp_path, postgres_url) as one:
        assert one.outcome(one.bin.deposit()) == ("credited", "")
        other = create_app(Settings(data_dir=tmp_path, database_url=postgres_url), one.clock)
        with TestClient(other), other.state.services.begin() as conn:
            vault = other.state.services.vault
            devices.add_key(conn, vault, 1, "bin-1", key=b"n" * 32, number=2, now_s=START_S)
        renewed = Bin("bin-1", b"n" * 32, number=2, seq=one.bin.seq)

        assert one.outcome(renewed.deposit()) == ("credited", "")


def test_books_that_cannot_take_a_batch_ask_for_it_again(small_town: Town) -> None:
    batch = small_town.gateway.batch(("bin-1", small_town.bin.deposit()))
    small_town.services.poster.close()

    answer = small_town.gateway.post(batch)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["code"] == "books_closed"
    small_town.services.poster.start()
    assert outcomes(small_town.gateway.post(batch)) == ["credited"]


def test_a_leap_of_the_clock_is_refused_and_not_recorded(small_town: Town) -> None:
    batch = small_town.gateway.batch(("bin-1", small_town.bin.deposit()))
    small_town.clock.now_s += 400 * 86_400

    answer = small_town.gateway.post(batch)

    assert (answer.status_code, answer.json()["code"]) == (503, "clock_leap")
    small_town.clock.now_s = START_S
    assert outcomes(small_town.gateway.post(batch)) == ["credited"]


def outcomes(answer: Any) -> list[str]:
    return [each["outcome"] for each in answer.json()["results"]]


def test_a_weight_that_the_device_did_not_sign_is_named(small_town: Town) -> None:
    small_town.gateway.relay(("bin-1", small_town.bin.deposit()))
    with small_town.services.begin() as conn:
        conn.execute(text("DROP TRIGGER record_no_update"))
        conn.execute(text("UPDATE record SET net_g = net_g * 10 WHERE kind = 'deposit'"))

    with small_town.services.read() as conn:
        problems = [each.words for each in verify(conn, 1).problems]

    assert any("net_g is not what its device signed" in words for words in problems)
