"""What a town does every week, as commands: compost, merchants, paper, loads, cover."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from farz.__main__ import app
from farz.founding import ripe_compost
from tests.backend import village

Shell = Callable[..., str]
AT = "2026-09-21T14:10:00+00:00"


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

    def run(*words: str, code: int = 0) -> str:
        given = [card if word == "CARD" else word for word in words]
        ended = runner.invoke(app, given)
        assert ended.exit_code == code, (given, ended.output, ended.exception)
        return ended.output

    return run


def read(farz: Shell, *words: str, code: int = 0) -> Any:
    return json.loads(farz(*words, "--json", code=code))


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
    closed = read(farz, "compost", "close", "--by", "clerk")

    assert (closed["voids"], closed["totals"][0]["grams"]) == (1, 1_000)
    assert read(farz, "compost", "list")[0]["stock_g"] == 8_000


def test_merchants_and_settlements(farz: Shell, tmp_path: Path) -> None:
    farz("merchant", "add", "Bakery (synthetic)", "grocer", "--by", "officer")
    until = ("--since", "2026-01-01", "--until", "2040-01-01", "--by", "officer")
    farz("merchant", "promise", "1", "500", *until)
    farz("merchant", "pay", "1", "20", "--card", "CARD", "--by", "clerk")
    assert read(farz, "merchant", "list")[0]["promised"] == 480
    farz("compost", "redeem", "1", "1000", "--card", "CARD", "--by", "clerk")

    for payee, amount in (("merchant-1", 20), ("cooperative", 30)):
        assert read(farz, "settlement", "draw", payee, "--by", "manager")["amount"] == amount
        farz("settlement", "pay", payee, "1", "--reference", "bank 1", "--by", "officer")
    assert farz("settlement", "list").count("paid: bank 1") == 2
    farz("settlement", "sheet", "cooperative", "1", str(tmp_path / "sheet.csv"))
    assert (tmp_path / "sheet.csv").read_bytes().startswith(b"\xef\xbb\xbfreceipt,")


def test_paper_loads_and_cover(farz: Shell, tmp_path: Path) -> None:
    slip = ("deposit", "3/17", "--card", "CARD", "--gross", "4500", "--tare", "500")
    more = ("--fraction", "organic", "--at", AT, "--by", "clerk")
    made = read(farz, "paper", "enter", *slip, *more)
    assert read(farz, "paper", "confirm", str(made["id"]), "--by", "manager")["amount"] == 100
    assert "credited" in farz("paper", "list")

    load = ("organic", "--gross", "9000", "--tare", "1000", "--at", AT, "--by", "collector")
    assert farz("collection", "ticket", "truck", "T-1", *load).startswith("8000 g")
    assert "T-1" in farz("collection", "tickets")
    assert read(farz, "report", "mass-balance")["town"][0]["truck_g"] == 8_000

    farz("budget", "cost", "organic", "10000", "--since", "2026-01-01", "--by", "officer")
    cover = read(farz, "report", "coverage", "--plot", str(tmp_path / "cover.svg"))
    assert (cover["now"]["avoided"], cover["now"]["stock"]) == (80, 150)
    assert (tmp_path / "cover.svg").read_text().startswith("<svg")
    until = ("--since", "2026-01-01", "--until", "2040-01-01", "--by", "officer")
    farz("budget", "set", "1000", *until)
    assert read(farz, "budget", "list")["budgets"][0]["amount"] == 1_000


def test_a_rule_of_melting_is_drafted_shown_and_run(farz: Shell) -> None:
    made = read(farz, "melting", "draft", "--days", "365", "--by", "officer")
    found = read(farz, "melting", "show")

    assert made["melting"]["way"] == "expiry"
    assert (found["in_force"], found["drafts"][0]["approved"]) == ([], False)
    assert "in 365 days" in farz("melting", "show")
    farz("melting", "draft", "--days", "9", "--free-amount", "5", "--by", "officer", code=1)
    assert read(farz, "melting", "run") == {"batches": 0, "accounts": 0, "amount": 0}
    assert "melted" in farz("ledger", "supply")
