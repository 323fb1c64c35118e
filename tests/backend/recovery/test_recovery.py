"""A restored town only reads, asks gateways and bins for what it misses, and opens again."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from backend import tables as t
from backend.devices import orders
from backend.errors import NotFound, StillMissing
from backend.housekeeping import CHORES, Housekeeping
from backend.recovery import service
from backend.recovery.service import ASK_AFTER_S, MARGIN_S, PAUSE_S
from tests.backend.village import AMAL, START_S, Town


def _begin(town: Town) -> service.Recovery:
    """As `farz restore` does before the backend is started."""
    with town.services.begin() as conn:
        found = service.begin(conn, 1, taken_s=START_S, now_s=town.clock.now_s)
    town.services.recovery._over = False
    return found


def _tell(
    town: Town, recovery_id: int, found: int, waiting: int, since_s: int = 0
) -> dict[str, Any]:
    said = {"id": recovery_id, "found": found, "waiting": waiting, "since_s": since_s}
    answer = town.gateway.post({"again": said})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_nothing_is_written_but_what_bins_and_gateways_bring(town: Town) -> None:
    officer = town.browser("officer")
    found = _begin(town)

    refused = officer.post("/v1/people", json={})
    weighed = town.outcome(town.bin.deposit(uid=AMAL))

    assert (refused.status_code, refused.json()["code"]) == (503, "recovering")
    assert refused.headers["Retry-After"] == "60"
    assert weighed == ("credited", "")
    assert officer.get("/v1/streams").status_code == 200
    assert town.client.get("/readyz").json()["recovering"] is True
    assert b"farz_recovering 1.0" in town.services.metrics.text()
    asked = town.gateway.post({}).json()["again"]
    assert asked == {"id": found.id, "since_s": START_S - MARGIN_S}


def test_it_ends_once_every_gateway_has_relayed_all(town: Town) -> None:
    administrator = town.browser("administrator")
    found = _begin(town)

    assert administrator.post("/v1/recovery/end", json={}).json()["code"] == "still_missing"
    _tell(town, found.id, 7, 3)
    state = administrator.get("/v1/recovery").json()
    assert [(g["found"], g["waiting"]) for g in state["gateways"]] == [(7, 3)]
    assert state["complete"] is False
    assert "gateway-1" in administrator.post("/v1/recovery/end", json={}).json()["detail"]

    _tell(town, found.id, 7, 0)
    assert administrator.get("/v1/recovery").json()["complete"] is True
    assert administrator.post("/v1/recovery/end", json={}).json() == {"id": found.id}

    assert administrator.get("/v1/recovery").status_code == 404
    assert town.gateway.post({}).json()["again"] is None
    assert town.browser("clerk").post("/v1/people", json={}).status_code == 201


def test_what_a_gateway_says_of_another_recovery_counts_for_nothing(town: Town) -> None:
    old = _begin(town)
    new = _begin(town)
    _tell(town, old.id, 7, 0)

    with town.services.read() as conn:
        assert [each.done for each in service.state(conn, 1).gateways] == [False]
    _tell(town, new.id, 7, 0)
    with town.services.read() as conn:
        assert service.state(conn, 1).complete


def test_only_an_administrator_ends_it_and_may_do_so_anyway(small_town: Town) -> None:
    town = small_town
    found = _begin(town)

    assert town.browser("officer").post("/v1/recovery/end", json={}).status_code == 403
    with pytest.raises(StillMissing, match="gateway-1"):
        service.end(town.services, ended_by="staff:1", anyway=False)
    assert service.end(town.services, ended_by="staff:1", anyway=True).id == found.id
    with pytest.raises(NotFound), town.services.read() as conn:
        service.state(conn, 1)


def test_a_bin_is_asked_for_what_its_birth_says_and_the_books_do_not_have(town: Town) -> None:
    town.bin.seq = 0
    lost = [town.bin.deposit(uid=AMAL) for _ in range(3)]  # seq 1 to 3, after an `open`
    town.gateway.message("bin-1", "birth", town.bin.birth(session=4))
    found = _begin(town)

    assert service.ask_bins(town.services) == 0, "the gateway has not answered yet"
    _tell(town, found.id, 1, 0)
    assert service.ask_bins(town.services) == 1
    assert service.ask_bins(town.services) == 0, "it is bringing them already"
    order = town.bin.open("command", _newest_order(town))
    assert (order["name"], order["session"]) == ("history", 4)
    assert order["args"] == {"epoch": town.bin.epoch, "first": 0, "last": 3}

    with town.services.read() as conn:
        assert [each.missing for each in service.state(conn, 1).devices] == [4]
    for jws in lost[1:]:
        assert town.outcome(jws)[0] == "credited"
    with town.services.read() as conn:
        assert [each.missing for each in service.state(conn, 1).devices] == [2]


def test_what_a_bin_has_not_kept_is_not_asked_for_for_ever(small_town: Town) -> None:
    town, asked = small_town, []
    town.bin.seq = 0
    kept = [town.bin.deposit(uid=AMAL) for _ in range(6)]
    town.gateway.message("bin-1", "birth", town.bin.birth(session=4))
    assert town.outcome(kept[2])[0] == "credited"  # seq 3: gaps are 0 to 2 and 4 to 6
    found = _begin(town)
    _tell(town, found.id, 1, 0)

    for _ in range(3):
        town.clock.now_s += PAUSE_S
        if service.ask_bins(town.services):
            order = town.bin.open("command", _newest_order(town))
            asked.append((order["args"]["first"], order["args"]["last"]))
            town.gateway.message(
                "bin-1", "result", town.bin.result(order["id"], False, service.NOT_KEPT)
            )

    assert asked == [(0, 2), (4, 6)]
    town.gateway.message("bin-1", "birth", town.bin.birth(session=5))
    town.clock.now_s += PAUSE_S
    assert service.ask_bins(town.services) == 1, "in a new session it may have its flash back"


def test_orders_are_numbered_beyond_those_that_were_lost(small_town: Town) -> None:
    town = small_town
    town.gateway.message("bin-1", "birth", town.bin.birth())
    with town.services.begin() as conn:
        first = orders.send_command(
            conn, town.services.vault, 1, "bin-1", "tare", now_s=town.clock.now_s
        )
        conn.execute(t.down.delete())
        second = orders.send_command(
            conn, town.services.vault, 1, "bin-1", "tare", now_s=town.clock.now_s + 1
        )

    assert second > first


def test_bins_are_asked_although_a_gateway_is_silent_for_long(small_town: Town) -> None:
    town = small_town
    town.bin.deposit(uid=AMAL)
    town.gateway.message("bin-1", "birth", town.bin.birth())
    _begin(town)
    assert service.ask_bins(town.services) == 0

    town.clock.now_s += ASK_AFTER_S

    assert service.ask_bins(town.services) == 1


def test_no_chore_decides_anything_while_the_books_are_incomplete(small_town: Town) -> None:
    town, done = small_town, []
    now_s = 0.0
    chores = [chore._replace(do=lambda _s, name=chore.name: done.append(name)) for chore in CHORES]
    house = Housekeeping(town.services, chores, lambda: now_s)
    now_s += 10**6
    house.turn()
    usual = set(done)
    _begin(town)
    done.clear()
    now_s += 10**6

    house.turn()

    assert done == ["ask bins"]
    assert usual == {chore.name for chore in CHORES} - {"ask bins"}


def _newest_order(town: Town) -> str:
    query = select(t.down.c.jws).where(t.down.c.ledger_id == 1).order_by(t.down.c.id.desc())
    with town.services.read() as conn:
        return str(conn.scalars(query.limit(1)).one())


def test_where_a_gateway_forgot_bins_are_asked_for_what_no_birth_has_told(
    small_town: Town,
) -> None:
    town = small_town
    town.bin.seq = 0
    jws = [town.bin.sign(town.bin.next("open")), town.bin.deposit(uid=AMAL)]
    town.gateway.message("bin-1", "birth", town.bin.birth(session=4))
    assert [town.outcome(each)[0] for each in jws] == ["noted", "credited"]
    later = town.bin.deposit(uid=AMAL)  # after its birth, and lost with both disks
    found = _begin(town)
    _tell(town, found.id, 0, 0, since_s=START_S + 5)

    asked = []
    for answer in (True, False):
        town.clock.now_s += PAUSE_S
        assert service.ask_bins(town.services) == 1
        order = town.bin.open("command", _newest_order(town))
        asked.append(order["args"]["first"])
        town.gateway.message(
            "bin-1", "result", town.bin.result(order["id"], answer, service.NOT_KEPT)
        )
        with town.services.read() as conn:
            assert service.state(conn, 1).complete is not answer
        if answer:
            assert town.outcome(later)[0] == "credited"

    assert asked == [2, 3]
    assert town.outcome(town.bin.deposit(uid=AMAL))[0] == "credited"  # the day goes on
    town.clock.now_s += PAUSE_S
    assert service.ask_bins(town.services) == 0
    with town.services.read() as conn:
        assert service.state(conn, 1).complete, "a busy bin keeps no recovery open"


def test_the_words_for_what_is_not_kept_are_the_firmwares() -> None:
    firmware = Path(__file__).parents[3] / "firmware" / "service.py"

    assert f'OrderRefused("{service.NOT_KEPT}")' in firmware.read_text()
    assert f"MOST_HISTORY = {service.ORDER_MOST} " in firmware.read_text()
