"""PostgreSQL is killed under a serving town and started again: 503 meanwhile, then on as before."""

from pathlib import Path
from typing import Any

from backend import db, migrations
from backend.ledger.verify import verify
from farz import postgres
from tests.backend import village


def test_a_town_says_503_while_its_database_is_gone_and_goes_on_after(tmp_path: Path) -> None:
    with postgres.running() as server, postgres.database(server.url) as url:
        engine = db.create_engine(url)
        migrations.upgrade_engine(engine)
        engine.dispose()
        with village.town(tmp_path, url) as town:
            assert town.outcome(town.bin.deposit(uid=village.AMAL))[0] == "credited"
            amal, account = town.browser("amal"), f"/v1/accounts/{town.amal.account_id}"
            before = pay(town, amal, "before")

            server.kill()
            gone = [
                amal.get(account),
                pay(town, amal, "k"),
                amal.get(account),
                pay(town, amal, "k"),
            ]
            ready = amal.get("/readyz")
            server.start()
            after = [pay(town, amal, "k"), pay(town, amal, "k"), pay(town, amal, "before")]

            assert [each.status_code for each in gone] == [503] * 4
            assert [each.headers["Retry-After"] for each in gone] == ["1"] * 4
            assert {each.headers["content-type"] for each in gone} == {"application/problem+json"}
            assert ready.status_code == 503
            assert [each.status_code for each in (before, *after)] == [201] * 4
            assert [each.json()["replayed"] for each in after] == [False, True, True]
            assert amal.get(account).json()["balance"] == 40
            with town.services.read() as conn:
                assert verify(conn, 1).ok


def pay(town: village.Town, client: Any, key: str) -> Any:
    leg = {
        "debit_account_id": town.amal.account_id,
        "credit_account_id": town.bassam.account_id,
        "amount": 5,
    }
    headers = {"Idempotency-Key": key}
    return client.post("/v1/transfers", json={"legs": [leg]}, headers=headers)
