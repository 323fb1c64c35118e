"""A few hours of the soak drill: everything strikes, and nothing is lost."""

import pytest

from farz.drills import drill, soak


def test_hours_of_outages_cuts_and_lies_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HOURS": 5, "VISITS": 12, "CUTS": 2, "OUTAGES": 1, "JUMPS": 1}.items():
        monkeypatch.setattr(soak, name, value)

    report = drill("soak", 1, 3)

    assert report["ok"], report
    assert report["lost"] == report["doubled"] == report["resurrected"] == 0
    assert report["cuts"] == 2
    assert report["deposits"] + report["unborn"] + report["turned_away"] == 12
    assert report["outages"] == 1
    assert report["clock_lies"] >= 1


def told(*visits: str) -> list[dict[str, object]]:
    """What a bin tells of visits, each a few words; `open` is the display's word."""
    rows: list[dict[str, object]] = []
    for visit in visits:
        rows.append({"event": "came"})
        rows += [{"event": e} if e != "open" else {"event": "shown", "word": "open_lid"}
                 for e in visit.split()]  # fmt: skip
    return rows


@pytest.mark.parametrize(
    ("visits", "records", "unborn", "lost", "doubled"),
    [
        (("open dropped saved", "cut"), 1, 1, 0, 0),  # cut before anything was on the flash
        (("open dropped saved", "cut"), 2, 0, 0, 0),  # ... or after: it became `interrupted`
        (("open dropped saved", "open dropped cut"), 2, 0, 0, 0),
        (("open dropped saved", "open dropped cut"), 1, 0, 1, 0),  # let in, and forgotten
        (("open cut",), 0, 0, 1, 0),
        (("turned_away", "open dropped saved"), 1, 0, 0, 0),
        (("turned_away", "open dropped saved"), 2, 0, 0, 1),
    ],
)
def test_visit_without_a_record_is_lost_unless_nobody_was_let_in(
    visits: tuple[str, ...], records: int, unborn: int, lost: int, doubled: int
) -> None:
    found = soak.visits_of(told(*visits), records)
    assert (found["unborn"], found["lost"], found["doubled"]) == (unborn, lost, doubled)
