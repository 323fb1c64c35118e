"""A person is erased for ever, and only when nothing is open; the books hold all the same."""

import csv
import io
import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from backend import tables as t
from backend.access.sessions import Sessions
from backend.errors import AlreadyDecided, NotErasable
from backend.ledger import accounts
from backend.ledger import tables as ledger
from backend.ledger.transfers import Code, Group, HoldTerms, Leg
from backend.ledger.verify import verify
from backend.privacy import service
from backend.privacy.parts import BOOKS, NOBODY, PARTS
from backend.proofs import service as proofs
from backend.tables import metadata
from firmware import contract
from tests.backend.village import AMAL, BASSAM, STRANGER, Town

REASON = "asked for at the counter"


def spend(town: Town, person_account: int, amount: int) -> None:
    leg = Leg(person_account, accounts.REDEEMED, amount, Code.PAY)
    town.services.poster.submit(Group((leg,), town.clock.now_s)).result()


def lived(town: Town) -> None:
    """Amal brought waste three times and has spent all of it; Bassam brought some, too."""
    for uid in (AMAL, AMAL, AMAL, BASSAM):
        assert town.outcome(town.bin.deposit(uid=uid)) == ("credited", "")
    spend(town, town.amal.account_id, town.balance(town.amal))


def erase(town: Town) -> service.Erased:
    return service.erase(town.services, town.amal.id, reason=REASON, decided_by="staff:5")


def test_nothing_of_a_person_is_left_but_numbers(town: Town) -> None:
    lived(town)
    browser = town.browser("amal")
    twin = town.bin.next()
    assert town.outcome(town.bin.sign(twin))[0] == "credited"
    spend(town, town.amal.account_id, town.balance(town.amal))
    assert town.outcome(town.bin.sign(twin | {"temp_c10": 99}))[0] == "quarantined"
    number, uid_hash = town.numbers["amal"], town.services.vault.card_hash(AMAL)

    done = erase(town)

    assert (done.keys, done.quarantined) == (1, 1)
    assert browser.get("/v1/sessions/mine").status_code == 401
    with town.services.read() as conn:
        person = conn.execute(select(t.person).where(t.person.c.id == town.amal.id)).one()
        assert (person.name, person.household) == (NOBODY, str(town.amal.id))
        everything = [
            str(value)
            for table in metadata.sorted_tables
            for row in conn.execute(select(table))
            for value in (bytes(v).hex() if isinstance(v, bytes) else v for v in row)
        ]
        cards = {bytes(row.uid_hash): row for row in conn.execute(select(t.card))}
        records = conn.execute(select(ledger.record)).all()
        quarantined = conn.scalars(select(ledger.quarantine.c.jws)).all()
    assert not [v for v in everything if "Amal" in v or v == number or v == uid_hash.hex()]
    assert uid_hash not in cards
    assert town.services.vault.card_hash(BASSAM) in cards
    own = [row for row in records if row.account_id == town.amal.account_id]
    assert len(own) == 4
    for row in own:
        assert row.card_ref is None
        assert row.sealed_for is not None
        with pytest.raises((contract.ContractError, UnicodeDecodeError)):
            contract.split(bytes(row.jws).decode(), "record")
    assert [bytes(each) for each in quarantined] == [b""]
    others = [row for row in records if row.account_id == town.bassam.account_id]
    assert [row.sealed_for for row in others] == [None]


def test_the_books_and_the_log_still_verify(town: Town) -> None:
    lived(town)
    proofs.sign(town.services)
    with town.services.read() as conn:
        before = proofs.checkpoint(conn, 1)

    erase(town)
    town.outcome(town.bin.deposit(uid=BASSAM))
    proofs.sign(town.services)

    with town.services.read() as conn:
        for vault in (None, town.services.vault):
            report = verify(conn, 1, vault=vault)
            assert report.ok, report.problems
        assert (report.erased, report.sealed) == (3, 0)
        old = int(before.splitlines()[1])
        assert proofs.checkpoint(conn, 1, old) == before
        assert proofs.consistency(conn, 1, old, old + 1)


def test_what_comes_later_with_the_old_card_finds_nobody(town: Town) -> None:
    lived(town)
    late = town.bin.deposit(uid=AMAL)
    erase(town)

    assert town.outcome(late)[0] == "suspended"
    assert town.balance(town.amal) == 0
    body = {"number": town.numbers["amal"], "pin": "2468"}
    assert town.client.post("/v1/sessions/resident", json=body).status_code in (401, 422)


def test_deposits_paid_after_a_look_are_erased_as_well(town: Town) -> None:
    assert town.outcome(town.bin.deposit(uid=STRANGER))[0] == "suspended"
    clerk = town.browser("clerk")
    card = {"uid": STRANGER.hex(), "pin": "1357"}
    assert clerk.post(f"/v1/people/{town.amal.id}/cards", json=card).json()["claimed"] == 1
    spend(town, town.amal.account_id, town.balance(town.amal))

    erase(town)

    with town.services.read() as conn:
        row = conn.execute(select(ledger.record).where(ledger.record.c.fraction.is_not(None))).one()
    assert (row.card_ref, row.sealed_for is None) == (None, False)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("has", "They still have 0.50"),
        ("owes", "They owe 0.07"),
        ("holds", "1 payments or orders of theirs are on hold"),
        ("waits", "1 deposits of theirs wait"),
    ],
)
def test_what_is_open_refuses_an_erasure_in_words(town: Town, what: str, words: str) -> None:
    account_id = town.amal.account_id
    lived(town)
    if what == "has":
        town.outcome(town.bin.deposit())
    if what == "owes":
        from backend.ledger.resolve import Amend

        town.services.poster.submit(Amend(account_id, -100, None)).result()
        spend(town, account_id, 7)
    if what == "holds":
        town.outcome(town.bin.deposit())
        terms = HoldTerms(town.clock.now_s + 10**6)
        leg = Leg(account_id, accounts.REDEEMED, 50, Code.PAY, hold=terms)
        town.services.poster.submit(Group((leg,), town.clock.now_s)).result()
    if what == "waits":
        assert town.outcome(town.bin.deposit(at_s=town.clock.now_s + 10**7))[0] == "held"
    body = {"reason": REASON}

    answer = town.browser("administrator").post(f"/v1/people/{town.amal.id}/erasure", json=body)

    assert (answer.status_code, answer.json()["code"]) == (409, "not_erasable")
    assert words in answer.json()["detail"]
    assert "first." in answer.json()["detail"]
    with town.services.read() as conn:
        assert conn.scalar(select(t.person.c.name).where(t.person.c.id == town.amal.id)) != NOBODY
    assert town.outcome(town.bin.deposit())[0] == "credited"  # nothing was closed


def test_money_that_comes_between_the_look_and_the_deed_stops_it(
    small_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived(small_town)
    close = service._close

    def late(services: object, person_id: int) -> object:
        assert small_town.outcome(small_town.bin.deposit())[0] == "credited"
        return close(small_town.services, person_id)

    monkeypatch.setattr(service, "_close", late)
    with pytest.raises(NotErasable, match="still have"):
        erase(small_town)

    assert small_town.balance(small_town.amal) == 50
    assert small_town.outcome(small_town.bin.deposit()) == ("credited", "")


def test_nobody_is_erased_twice(small_town: Town) -> None:
    erase(small_town)

    with pytest.raises(AlreadyDecided):
        erase(small_town)


def test_what_staff_read_of_an_erased_person_is_no_fault(small_town: Town) -> None:
    lived(small_town)
    erase(small_town)
    auditor, person = small_town.browser("auditor"), small_town.amal.id

    deposits = auditor.get(f"/v1/people/{person}/deposits")

    assert deposits.status_code == 200
    assert [(each["net_g"], each["before_g"]) for each in deposits.json()] == [(2_000, None)] * 3
    assert auditor.get("/v1/quarantine").json() == []


def test_every_place_that_names_a_person_is_in_the_table(tmp_path: Path) -> None:
    """A new table with a person in it must say what export and erasure do with it."""
    telling = {"person_id", "holder_id", "delegate_id", "account_id", "household", "uid_hash"}
    telling |= {"card_id", "old_card_id", "new_card_id"}
    named = {
        table.name
        for table in metadata.sorted_tables
        if telling & set(table.columns.keys()) or table.name in ("person", "account")
    }

    assert named <= {part.table.name for part in PARTS} | set(BOOKS)
    assert all(part.why for part in PARTS)
    assert Sessions.of.__doc__  # sign-ins are exported from, and ended in, their own database


def test_an_export_has_everything_and_no_secret(town: Town) -> None:
    lived(town)
    client = town.browser("amal")
    path = f"/v1/people/{town.amal.id}/export"

    told = client.get(path).json()

    assert told["person"][0]["name"] == "Amal (synthetic)"
    assert told["cards"][0]["number"] == town.numbers["amal"]
    assert "pin_hash" not in told["cards"][0]
    assert "uid_hash" not in told["cards"][0]
    assert [each["net_g"] for each in told["deposits"]] == [2_000] * 3
    assert len(told["signed"]) == 3
    assert all(contract.split(jws, "record").device == "bin-1" for jws in told["signed"])
    assert [line["amount"] for line in told["accounts"][0]["movements"]] == [-150, 50, 50, 50]
    assert len(told["sign_ins"]) == 1
    assert "Bassam" not in json.dumps(told)
    table = client.get(f"{path}.csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert table.headers["content-disposition"].endswith(f'filename="person-{town.amal.id}.csv"')
    rows = list(csv.reader(io.StringIO(table.content.decode("utf-8-sig"), newline="")))
    assert rows[0] == ["part", "number", "field", "value", "date"]
    assert ["person", "1", "name", "Amal (synthetic)", ""] in rows
    assert ["accounts", "1", "movements.1.amount", "-150", ""] in rows
    here = datetime.fromtimestamp(told["made_s"], ZoneInfo("Asia/Hebron")).replace(tzinfo=None)
    assert ["made_s", "1", "", str(told["made_s"]), str(here)] in rows, "by the town's clocks"


def test_a_name_that_is_a_formula_is_text_in_the_spreadsheet(small_town: Town) -> None:
    from backend.privacy.exporting import as_csv

    assert "x,1,name,'=HYPERLINK(1)" in as_csv(
        small_town.services, {"x": [{"name": "=HYPERLINK(1)"}]}
    )
