"""Yesterday's backup is all that is left: bins and gateways bring the lost day back, once."""

import pytest

from farz.drills import Engine
from farz.drills.lost_day import agree, lose_a_day


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_lost_day_comes_back_from_the_gateway(engine: Engine) -> None:
    done = lose_a_day(5, engine, deposits=20)

    assert done.books is not None
    assert done.in_backup < done.before == done.truth.made == 20
    assert done.refused == "recovering"
    assert done.relayed >= done.before - done.in_backup
    assert done.truth.names == done.books.names
    assert agree(done)
    assert done.restored is not None
    assert done.restored.new_log.endswith("/log-2")


def test_where_the_gateways_disk_is_lost_too_the_bins_flash_is_enough() -> None:
    done = lose_a_day(8, "sqlite", deposits=24, gateway_too=True)

    assert done.books is not None
    assert done.in_backup < done.before == done.truth.made == 24
    # What bins had said again to the new disk by the time the backend asked, but never the day.
    assert done.relayed < done.before - done.in_backup
    assert done.truth.names == done.books.names
    assert agree(done)
