"""What a town does every week, as commands: compost, merchants, paper, loads, cover."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from farz.__main__ import app
from farz.founding import ripe_compost
from tests.backend import village
from tests.backend.village import PASSWORD as SECRET

Shell = Callable[..., str]
AT = "2026-09-21T14:10:00+00:00"
PASSWORD = f"{SECRET}\n"


@pytest.fixture
def farz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A furnished town whose backend is stopped; Amal brought 4 kg in two deposits."""
    with village.town(tmp_path, "") as town:
        for _ in range(2):
            town.outcome(town.bin.deposit())
        town.browser("manager")
        town.browser("collector")
        ripe_compost(town.services, town.product.id, 5_000, by="s", key="one")
        card = town.numbers["amal"]
    monkeypatch.setenv("FARZ_DATA_DIR", str(tmp_path))
    runner = CliRunner()

    def run(*words: str, code: int = 0, typed: str = "") -> str:
        given = [card if word == "CARD" else word for word in words]
        ended = runner.invoke(app, given, input=typed)
        assert ended.exit_code == code, (given, ended.output, ended.exception)
        return ended.output + str(ended.exception or "")

    return run


def read(farz: Shell, *words: str, code: int = 0, typed: str = "") -> Any:
    return json.loads(farz(*words, "--json", code=code, typed=typed))


def looks(farz: Shell) -> list[tuple[str, str]]:
    """What Amal's log says, newest first, without the look that this is itself."""
    found = read(farz, "people", "looks", "CARD", "--by", "auditor")
    assert (found[0]["who"], found[0]["action"]) == ("auditor", "audit:read")
    return [(each["who"], each["action"]) for each in found[1:]]


def test_compost_from_heap_to_closed_day(farz: Shell) -> None:
    started = read(farz, "compost", "heap", "1", "--since", "2026-01-05", "--by", "manager")
    farz("compost", "input", str(started["id"]), "organic", "9000", "--by", "manager")
    farz("compost", "yield", str(started["id"]), "3000", "--by", "manager")
    assert "33.3 %" in farz("compost", "heaps")

    made = read(farz, "compost", "order", "1", "1000", "--card", "CARD", "--by", "clerk")
    assert "ready" in farz("compost", "orders")
    receipt = read(farz, "compost", "collect", str(made["id"]), "--by", "clerk")["receipt"]
    farz("compost", "void", receipt, "--reason", "wrong sack", "--by", "clerk")
    farz("compost", "rule", "order_days", "7", "--by", "manager")
    assert "above 0" in farz("compost", "price", "1", "0", "--by", "manager", code=1)
    closed = farz("compost", "close", "--by", "clerk")

    assert "1000 g of product 1 for 30; 1 voided for 30, 0 in all" in closed
    late = ("compost", "redeem", "1", "1000", "--card", "CARD", "--by", "clerk")
    assert "--after-close" in farz(*late, code=1)
    assert read(farz, *late, "--after-close")["grams"] == 1_000
    assert "1 to 10000000 whole grams" in farz(*late[:3], "10000001", *late[4:], code=1)
    assert read(farz, "compost", "list")[0]["stock_g"] == 7_000
    assert looks(farz) == [("clerk", "redemptions:make")] * 5 + [("clerk", "orders:make")]


def test_merchants_and_settlements(farz: Shell, tmp_path: Path) -> None:
    assert "farz merchant add" in farz("merchant", "list")
    assert "farz settlement draw" in farz("settlement", "list")
    farz("merchant", "add", "Bakery (synthetic)", "grocer", "--by", "officer")
    until = ("--since", "2026-01-01", "--until", "2040-01-01", "--by", "officer")
    farz("merchant", "promise", "1", "500", *until)
    farz("merchant", "pay", "1", "20", "--card", "CARD", "--by", "clerk")
    wrong = read(farz, "merchant", "pay", "1", "30", "--card", "CARD", "--by", "clerk")
    void = ("merchant", "void", wrong["receipt"], "--reason", "paid twice", "--by", "clerk")
    assert "counts no more" in farz(*void)
    dear = farz("merchant", "pay", "1", "999", "--card", "CARD", "--by", "clerk", code=1)
    assert "This costs 999, the balance is " in dear
    assert read(farz, "merchant", "list")[0]["promised"] == 480
    assert looks(farz) == [("clerk", "payments:make")] * 4  # paid, paid, taken back, and tried
    farz("compost", "redeem", "1", "1000", "--card", "CARD", "--by", "clerk")

    for payee, amount in (("merchant-1", 20), ("cooperative", 30)):
        assert read(farz, "settlement", "draw", payee, "--by", "manager")["amount"] == amount
        paid = ("settlement", "pay", payee, "1", "--reference", "bank 1", "--login", "officer")
        farz(*paid, typed=PASSWORD)
    assert farz("settlement", "list").count("paid: bank 1") == 2
    farz("settlement", "sheet", "cooperative", "1", str(tmp_path / "sheet.csv"))
    assert (tmp_path / "sheet.csv").read_bytes().startswith(b"\xef\xbb\xbfreceipt,")


def test_a_fee_is_discounted_and_told_to_the_billing(farz: Shell, tmp_path: Path) -> None:
    assert "farz fee discount" in farz("fee", "list")
    bill = ("fee", "discount", "2027/117", "30", "--of", "45", "--card", "CARD", "--by", "clerk")
    made = read(farz, *bill)
    assert (made["amount"], made["bill_amount"]) == (30, 45)
    assert "discounted already" in farz(*bill, code=1)
    farz("fee", "void", made["receipt"], "--reason", "wrong bill", "--by", "clerk")
    assert "30 off the 45 of bill 2027/117" in farz(*bill)
    told = read(farz, "fee", "list")
    assert [(each["voided"], "person_id" in each) for each in told] == [
        (True, False),
        (False, False),
    ]
    assert farz("fee", "list").count("taken back") == 1
    assert looks(farz) == [("clerk", "fees:discount")] * 4  # thrice asked for, and taken back
    assert read(farz, "fee", "sheet", str(tmp_path / "fees.csv"))["discounts"] == 2
    table = (tmp_path / "fees.csv").read_bytes()
    assert table.startswith(b"\xef\xbb\xbfreceipt,bill,")
    assert table.count(b"\r\n") == 3


@pytest.fixture
def machine_elsewhere() -> Iterator[None]:
    """The clocks of the machine are not the town's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Pacific/Auckland")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("machine_elsewhere")
def test_paper_loads_and_cover(farz: Shell, tmp_path: Path) -> None:
    slip = ("deposit", "3/17", "--card", "CARD", "--gross", "4500", "--tare", "500")
    more = ("--fraction", "organic", "--at", AT, "--by", "clerk")
    made = read(farz, "paper", "enter", *slip, *more)
    signed = ("paper", "confirm", str(made["id"]), "--login", "manager")
    assert "name or the password is wrong" in farz(*signed, code=1, typed="a guess at it\n")
    assert read(farz, *signed, typed=PASSWORD)["amount"] == 100
    listed = farz("paper", "list")
    assert "credited 100" in listed
    assert "4000 g organic, person " in listed, "what the second person signs"
    assert looks(farz) == [("manager", "paper:confirm"), ("clerk", "paper:enter")]

    load = ("organic", "--gross", "9000", "--tare", "1000", "--at", AT, "--by", "collector")
    assert "There are: School" in farz(
        "collection", "ticket", "truck", "T-1", *load, "--point", "X", code=1
    )
    assert farz("collection", "ticket", "truck", "T-1", *load).startswith("8000 g")
    assert "T-1" in farz("collection", "tickets")
    assert read(farz, "report", "mass-balance")["town"][0]["truck_g"] == 8_000

    farz("budget", "cost", "organic", "10000", "--since", "2026-01-01", "--by", "officer")
    cover = read(farz, "report", "coverage", "--plot", str(tmp_path / "cover.svg"))
    assert (cover["now"]["avoided"], cover["now"]["stock"]) == (80, 150)
    assert (tmp_path / "cover.svg").read_text().startswith("<svg")
    until = ("--since", "2026-01-01", "--until", "2040-01-01T00:00+03:00")
    farz("budget", "set", "0", *until, "--by", "officer")
    assert "0 of 0 minted, used up\n" in farz("budget", "list")
    farz("budget", "set", "1000", *until, "--by", "officer")
    assert read(farz, "budget", "list")["budgets"][0]["amount"] == 1_000
    told = farz("budget", "list")
    assert told.startswith("2026-01-01 00:00+02:00 - 2039-12-31 23:00+02:00"), "the town's clocks"
    assert "no moment; write it like 2027-01-01" in farz(
        "budget", "cost", "organic", "1", "--since", "soon", "--by", "officer", code=1
    )


# A command of the office, who may not give it, and one of those who may.
BUDGET = ("budget", "set", "5", "--since", "2026-01-01", "--until", "2027-01-01")
LOAD = ("collection", "ticket", "truck", "T", "glass", "--gross", "9", "--at", AT)
SLIP = ("paper", "enter", "deposit", "3/1", "--card", "CARD", "--gross", "9", "--at", AT)
UID = "04A2B3C4D5E680"
NOT_THEIRS = (
    (BUDGET, "clerk", "municipal_officer"),
    (("budget", "cost", "organic", "5"), "manager", "municipal_officer"),
    (("tariff", "draft", "organic=9", "--since", "2040-01-01"), "manager", "municipal_officer"),
    (("tariff", "grade", "standard"), "clerk", "collector"),
    (("melting", "draft", "--days", "9"), "clerk", "municipal_officer"),
    (("merchant", "add", "Bakery", "grocer"), "clerk", "municipal_officer"),
    (("settlement", "draw", "cooperative"), "officer", "cooperative_manager"),
    (("compost", "price", "1", "9"), "officer", "cooperative_manager"),
    (("compost", "redeem", "1", "9", "--card", "CARD"), "officer", "counter_clerk"),
    (LOAD, "clerk", "collector"),
    (("device", "confirm", "bin-1", "0011223344556677"), "clerk", "field_technician"),
    (("fee", "discount", "B", "1", "--of", "2", "--card", "CARD"), "collector", "counter_clerk"),
    (("people", "erase", "1", "--reason", "r", "--yes"), "officer", "administrator"),
    (SLIP, "collector", "counter_clerk"),
    (("card", "issue", UID, "--nameless", "--pin", "2468"), "collector", "counter_clerk"),
    (("card", "block", "CARD"), "officer", "counter_clerk"),
    (("card", "swap", "CARD", UID), "officer", "counter_clerk"),
    (("card", "lost", "Amal", UID), "officer", "counter_clerk"),
    (("card", "pin", "CARD"), "officer", "counter_clerk"),
    (("card", "chip", UID), "officer", "counter_clerk"),
    (("card", "service", UID, "--who", "clerk", "--device", "b"), "clerk", "field_technician"),
    (("card", "cap", "--grams", "5"), "clerk", "municipal_officer"),
    (("people", "find", "Amal"), "officer", "counter_clerk"),
    (("people", "looks", "CARD"), "clerk", "auditor"),
    (("people", "export", "1"), "officer", "administrator"),
    (("people", "enrol", "Dalal", "--consent", "1"), "officer", "counter_clerk"),
    (("people", "delegate", "CARD", "CARD", "--may", "cards:block"), "officer", "counter_clerk"),
)


def test_nobodys_name_stands_beside_what_their_role_does_not_allow(farz: Shell) -> None:
    for words, role, may in NOT_THEIRS:
        told = farz(*words, "--by", role, code=1)
        assert told.endswith("See: farz staff list"), told
        assert may in told.partition("this is for")[2], told
    assert "Nobody of the staff" in farz(*BUDGET, "--by", "nobody", code=1)


def test_the_second_signature_is_of_somebody_who_may_give_it(farz: Shell) -> None:
    for words in (
        ("paper", "confirm", "1"),
        ("paper", "reject", "1", "--reason", "r"),
        ("settlement", "pay", "cooperative", "1", "--reference", "r"),
    ):
        told = farz(*words, "--login", "clerk", code=1, typed=PASSWORD)
        assert "clerk is counter_clerk, and this is for: administrator, " in told, words


def test_a_rule_of_melting_is_drafted_shown_and_run(farz: Shell) -> None:
    made = read(farz, "melting", "draft", "--days", "365", "--by", "officer")
    found = read(farz, "melting", "show")

    assert made["melting"]["way"] == "expiry"
    assert (found["in_force"], found["drafts"][0]["approved"]) == ([], False)
    assert "in 365 days" in farz("melting", "show")
    farz("melting", "draft", "--days", "9", "--free-amount", "5", "--by", "officer", code=1)
    assert read(farz, "melting", "run") == {"batches": 0, "accounts": 0, "amount": 0}
    assert "melted" in farz("ledger", "supply")
