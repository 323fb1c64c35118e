"""A part that is killed in the middle of a run and started again changes no total."""

import pytest

from farz.drills.restart import PARTS, restart


@pytest.mark.parametrize("part", PARTS)
def test_a_killed_part_loses_and_doubles_nothing(part: str) -> None:
    counts = restart(len(part), (part,))

    assert counts["killed"] == 1, "the run was over before anything was killed"
    assert counts["lost"] == counts["doubled"] == 0
    assert counts["conserved"]
