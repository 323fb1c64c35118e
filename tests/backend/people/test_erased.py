"""Whoever was erased is a stranger: enrolled anew, or not at all."""

from backend.privacy import service as privacy
from tests.backend.village import START_S, Town


def test_nothing_new_is_kept_of_who_was_erased(town: Town) -> None:
    privacy.erase(town.services, town.amal.id, reason="asked", decided_by="staff:5")
    clerk, here = town.browser("clerk"), f"/v1/people/{town.amal.id}"

    consent = {"version": "1", "given_s": START_S - 5, "how": "paper"}
    for answer in (
        clerk.post(f"{here}/cards", json={"uid": "04cc0000000001"}),
        clerk.put(f"{here}/household", json={"household": "House 1"}),
        clerk.post(f"{here}/consents", json=consent),
    ):
        assert answer.status_code == 404
        assert "Enrol them anew" in answer.json()["detail"]
