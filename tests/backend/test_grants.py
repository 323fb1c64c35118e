"""A backend whose role may not change history serves a town; history stands without triggers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url, text
from sqlalchemy.exc import ProgrammingError

from backend import db
from backend.access.audit import Audit
from backend.access.sessions import Sessions
from backend.grants import HISTORY, grant_statements
from backend.ledger import erasure
from backend.ledger.verify import verify
from farz import postgres
from tests.backend import village
from tests.backend.village import AMAL, START_S

ROLE = "farz_serves"


@pytest.fixture
def served(postgres_server: URL, migrated_template: str, tmp_path: Path) -> Iterator[village.Town]:
    """A town on tables of somebody else's: whoever connects to it is the backend's role."""
    postgres.administer(postgres_server, f"CREATE ROLE {ROLE}")
    with postgres.database(postgres_server, migrated_template) as url:
        owner = db.create_engine(url)
        Sessions(owner)
        Audit(owner, 1)
        with db.begin(owner) as conn:
            for statement in grant_statements(ROLE):
                conn.exec_driver_sql(statement)
        owner.dispose()
        postgres.administer(
            postgres_server, f"ALTER DATABASE {make_url(url).database} SET role = {ROLE}"
        )
        with village.town(tmp_path, url) as made:
            yield made
    postgres.administer(postgres_server, f"DROP ROLE {ROLE}")


def test_history_cannot_be_changed_though_its_triggers_are_gone(served: village.Town) -> None:
    assert served.outcome(served.bin.deposit(uid=AMAL))[0] == "credited"
    body = {"legs": [{"debit_account_id": served.amal.account_id, "amount": 20,
                      "credit_account_id": served.bassam.account_id}]}  # fmt: skip
    paid = served.browser("amal").post(
        "/v1/transfers", json=body, headers={"Idempotency-Key": '"k"'}
    )
    assert paid.status_code == 201
    engine = served.services.engine
    with db.begin(engine) as conn:
        conn.exec_driver_sql("SET LOCAL ROLE NONE")
        for name in HISTORY:
            conn.exec_driver_sql(f"ALTER TABLE {name} DISABLE TRIGGER ALL")

    for name in HISTORY:
        for verb in (f"UPDATE {name} SET ledger_id = 9", f"DELETE FROM {name}", f"TRUNCATE {name}"):
            with pytest.raises(ProgrammingError, match="denied"), db.begin(engine) as conn:
                conn.execute(text(verb))

    with db.begin(engine) as conn:
        account_id, vault = served.amal.account_id, served.services.vault
        assert erasure.erase_person(conn, 1, account_id, vault, START_S) == 1
        conn.exec_driver_sql("SET LOCAL ROLE NONE")
        for name in HISTORY:
            conn.exec_driver_sql(f"ALTER TABLE {name} ENABLE TRIGGER ALL")
    with served.services.read() as conn:
        report = verify(conn, 1)
    assert (report.ok, report.erased) == (True, 1), report.problems


def test_a_name_that_is_no_role_is_refused() -> None:
    with pytest.raises(ValueError, match="role"):
        list(grant_statements("x; DROP TABLE transfer"))


def test_every_table_of_history_is_granted_for_adding_alone() -> None:
    statements = list(grant_statements(ROLE))

    for name in HISTORY:
        given = [each for each in statements if each.endswith(f"ON {name} TO {ROLE}")]
        assert given[0].startswith("GRANT SELECT, INSERT ON"), name
        assert all("DELETE" not in each and "UPDATE ON" not in each for each in given), name
