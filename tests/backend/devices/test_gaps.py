"""What a device signed and the books lack, by journal; and records under a taken name."""

import itertools
import random

import pytest
from sqlalchemy import Engine

from backend import db
from backend.devices import gaps
from backend.ledger import runs
from backend.ledger.transfers import Note
from tests.backend.ledger.town import TOWN, entry, settled
from tests.backend.ledger.town import Town as Ledger
from tests.backend.ledger.work import work
from tests.backend.village import Town


def test_runs_and_numbers_are_merged_into_the_fewest_runs() -> None:
    dice = random.Random(3)
    for _ in range(200):
        seqs = {dice.randrange(30) for _ in range(dice.randrange(30))}
        kept = runs.merged([], [s for s in seqs if s < 15])
        made = runs.merged(kept, seqs)
        covered = {s for first, last in made for s in range(first, last + 1)}
        missing = {s for first, last in runs.gaps(made) for s in range(first, last + 1)}
        assert covered == seqs
        assert missing == set(range(max(seqs, default=-1) + 1)) - seqs
        assert all(y - x > 1 for (_, x), (y, _) in itertools.pairwise(made))


def listed(town: Town, **more: object) -> list[dict[str, object]]:
    answer = town.browser("technician").get("/v1/devices/bin-1/gaps")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, object]] = answer.json()
    return found


def test_gaps_close_as_records_come_whether_kept_or_not(town: Town) -> None:
    sent = [town.bin.sign(town.bin.next("open"))] + [town.bin.deposit() for _ in range(9)]

    def relay(*seqs: int) -> None:
        town.gateway.relay(*((town.bin.device, sent[seq]) for seq in seqs))

    relay(0, 1, 2, 5, 9)
    before = listed(town)
    with town.services.begin() as conn:
        assert gaps.keep_all(conn, 1) == 0
    assert listed(town) == before
    assert before == [
        {
            "epoch": town.bin.epoch,
            "contiguous": 2,
            "highest": 9,
            "missing": 5,
            "gaps": [{"first": 3, "last": 4}, {"first": 6, "last": 8}],
            "complete": True,
        }
    ]
    relay(3, 7)
    (journal,) = listed(town)
    assert journal["contiguous"] == 3
    assert journal["gaps"] == [{"first": f, "last": f} for f in (4, 6, 8)]
    relay(4, 6, 8)
    (journal,) = listed(town)
    assert (journal["contiguous"], journal["missing"]) == (9, 0)


def test_a_birth_tells_how_far_the_journal_goes(small_town: Town) -> None:
    town = small_town
    town.gateway.relay((town.bin.device, town.bin.sign(town.bin.next("open"))))
    lost = [town.bin.deposit() for _ in range(3)]
    town.gateway.message("bin-1", "birth", town.bin.birth())

    (journal,) = listed(town)

    assert len(lost) == 3
    assert (journal["contiguous"], journal["gaps"]) == (0, [{"first": 1, "last": 3}])


def test_a_look_is_no_more_work_in_a_longer_journal(engine: Engine) -> None:
    town = Ledger(engine)

    def book(seqs: list[int]) -> None:
        asked = [town.poster.submit(entry(seq, Note())) for seq in seqs]
        assert settled(asked)

    def look() -> int:
        with db.begin(engine) as conn:
            runs.keep(conn, TOWN, 1, entry(0, Note()).key.epoch)
        return work(engine, lambda conn: runs.runs(conn, TOWN, 1, entry(0, Note()).key.epoch))

    book([seq for seq in range(100) if seq not in (7, 50)])
    short = look()
    book(list(range(100, 1_500)))
    assert look() <= short + 20
    with db.read(engine) as conn:
        found, complete = runs.runs(conn, TOWN, 1, entry(0, Note()).key.epoch)
        cut = runs.runs(conn, TOWN, 2, 5, look=1)
    assert (found, complete) == ([(0, 6), (8, 49), (51, 1_499)], True)
    assert cut == ([], True)
    town.close()


def test_a_bounded_look_goes_on_where_it_stopped(engine: Engine) -> None:
    town, epoch = Ledger(engine), entry(0, Note()).key.epoch
    assert settled([town.poster.submit(entry(seq, Note())) for seq in range(50)])

    turns = 0
    more = True
    while more:
        turns += 1
        with db.begin(engine) as conn:
            more = runs.keep(conn, TOWN, 1, epoch, look=20)

    with db.read(engine) as conn:
        assert runs.runs(conn, TOWN, 1, epoch, look=20) == ([(0, 49)], True)
    assert turns == 3
    town.close()


@pytest.mark.parametrize("page", [1, 50])
def test_quarantine_shows_both_sides_page_by_page(town: Town, page: int) -> None:
    town.bin.deposit()
    for seq in (1, 2, 3):
        body = town.bin.next()
        assert body["seq"] == seq + 1
        for net_g in (2_000, 3_000 + seq):
            town.outcome(town.bin.sign({**body, "after_g": 10_000 + net_g, "net_g": net_g}))
    auditor = town.browser("auditor")

    found: list[dict[str, object]] = []
    after = None
    while True:
        asked = {"limit": page} | ({"after": after} if after else {})
        rows = auditor.get("/v1/quarantine", params=asked).json()
        if not rows:
            break
        found += rows
        after = rows[-1]["cursor"]

    assert [(row["device"], row["seq"]) for row in found] == [("bin-1", s) for s in (2, 3, 4)]
    assert [row["said"]["net_g"] for row in found] == [3_001, 3_002, 3_003]  # type: ignore[index]
    assert {row["kept"]["net_g"] for row in found} == {2_000}  # type: ignore[index]
    assert "card" not in str(found)
    assert auditor.get("/v1/quarantine", params={"after": "x"}).status_code == 422
