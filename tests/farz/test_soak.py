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
    assert report["outages"] == 1
    assert report["clock_lies"] >= 1
