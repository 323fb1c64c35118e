"""Jepsen's workloads: a bank that is read while many pay, and names that are used again."""

import random
import threading
import time
from collections import defaultdict
from pathlib import Path

from sqlalchemy import Engine

from backend import db
from backend.ledger import balances
from backend.ledger import tables as t
from backend.ledger.errors import InProgress, InsufficientFunds, KeyReused
from backend.ledger.poster import Poster
from backend.ledger.transfers import Credit, Outcome, Posted
from farz.drills.clients import Till
from farz.drills.judging import Judge
from farz.drills.load import FUNDS, MEMBERS, Load
from farz.processes import Part, await_until, python
from tests.backend.ledger.town import TOWN, Town, entry, pay, settled

READ_S = 2.0


def test_every_reader_finds_every_credit_while_all_pay_each_other(
    tmp_path: Path, database_url: str
) -> None:
    """Writers in processes of their own; each read sees all accounts, one total, no debt."""
    engine = db.create_engine(database_url)
    t.metadata.create_all(engine)
    loads = [Load(n, source_id=n + 1) for n in range(6)]
    with db.begin(engine) as conn:
        loads[0].open(conn, TOWN, int(time.time()))
    engine.dispose()
    on_sqlite = engine.dialect.name == "sqlite"
    sockets = [tmp_path / f"s{n}" for n in range(1 if on_sqlite else 3)]
    servers = []
    for socket in sockets:
        words = ("-m", "farz.drills.server", database_url, str(TOWN), str(socket))
        servers.append(Part(socket.name, python(*words), tmp_path / f"{socket.name}.log"))
        servers[-1].start()
    over, reads = threading.Event(), 0
    tills = [
        Till(sockets[n % len(sockets)], load, over.is_set,
             lambda load=load: [load.payment(1, 150) for _ in range(8)])
        for n, load in enumerate(loads)
    ]  # fmt: skip
    reader = db.create_engine(database_url, exclusive=False)
    try:
        await_until(lambda: all(socket.exists() for socket in sockets), 30, "the servers")
        tills[0].ask(loads[0].funds())
        for till in tills:
            till.start()
        until_s = time.monotonic() + READ_S
        while time.monotonic() < until_s:
            with db.read(reader) as conn:
                seen = balances.balances(conn, TOWN, loads[0].members)
            assert set(seen) == set(loads[0].members)
            assert sum(each.posted for each in seen.values()) == MEMBERS * FUNDS
            assert min(each.posted for each in seen.values()) >= 0
            reads += 1
    finally:
        over.set()
        for till in tills:
            if till.ident is not None:
                till.join()
        for server in servers:
            server.kill()
    told = [answer for till in tills for answer in till.told.values()]

    with db.read(reader) as conn:
        assert Judge(conn, TOWN).judge(tills, loads[0].members) == (0, 0, True)
    reader.dispose()
    assert reads > 20
    assert sum(isinstance(answer, Posted) for answer in told) > 50
    assert any(isinstance(answer, InsufficientFunds) for answer in told)


def test_a_name_used_again_is_a_repeat_or_a_contradiction_never_a_second_payment(
    engine: Engine,
) -> None:
    """Four callers, each record and each key with one of two contents, in four orders."""
    town = Town(engine)
    member, payer = town.account(), town.account(funds=1_000)
    posters = [town.poster]
    if engine.dialect.name == "postgresql":
        posters.append(Poster(engine, TOWN, town.clock))
        posters[1].start()
    said: dict[str, list[tuple[int, object]]] = defaultdict(list)

    def call(number: int) -> None:
        dice = random.Random(number)
        poster = posters[number % len(posters)]
        for n in dice.sample(range(40), 40):
            amount = dice.choice((5, 7))
            record = entry(n, Credit(member, amount), words=str(amount))
            said[f"record {n}"].append((amount, settled([poster.submit(record)])[0]))
            said[f"key {n}"].append((amount, _paid(poster, payer, member, amount, f"k{n}")))

    callers = [threading.Thread(target=call, args=(number,)) for number in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    due = 0
    for name, answers in said.items():
        kept = {
            (amount, answer.transfer_id if isinstance(answer, Outcome) else answer.transfer_ids)
            for amount, answer in answers
            if isinstance(answer, Posted)
            or (isinstance(answer, Outcome) and answer.outcome == "credited")
        }
        ((content, _),) = kept
        due += content
        for amount, answer in answers:
            if amount == content:
                continue
            if name.startswith("key"):
                assert isinstance(answer, KeyReused)
            else:
                assert isinstance(answer, Outcome)
                assert answer.outcome == "quarantined"
    assert len(said) == 80
    assert town.balance(member) == due
    for poster in posters:
        poster.close()


def _paid(poster: Poster, payer: int, payee: int, amount: int, key: str) -> object:
    """Asks until it is not 'in progress' with the neighbour any more."""
    while True:
        try:
            return settled([poster.submit(pay(payer, payee, amount, key))])[0]
        except InProgress:
            time.sleep(0.001)
