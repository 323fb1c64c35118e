"""What a person may ask for at the office, as a command."""

import csv
import io
import json
import os

from farz.town import open_town
from tests.farz.shell import Shell

BY = ("--by", "admin")
NAME = "ليلى (synthetic)"


def enrolled(founded: Shell) -> int:
    """Somebody of whom the town knows a name and a card."""
    from backend.cards import service as cards
    from backend.people import service as people

    os.environ["FARZ_DATA_DIR"] = str(founded.folder)
    try:
        with open_town() as services, services.begin() as conn:
            person = people.enrol(conn, 1, NAME, now_s=services.now_s())
            cards.issue(
                conn,
                services.vault,
                1,
                person_id=person.id,
                uid=bytes(7),
                pin="2468",
                decided_by="staff:1",
                from_s=services.now_s(),
            )
    finally:
        del os.environ["FARZ_DATA_DIR"]
    return person.id


def test_a_person_is_exported_and_erased_at_the_office(founded: Shell) -> None:
    number = str(enrolled(founded))

    told = json.loads(founded.done("people", "export", number, *BY))
    table = list(csv.reader(io.StringIO(founded.done("people", "export", number, *BY, "--csv"))))

    assert told["person"][0]["name"] == NAME
    assert [each["what"] for each in told["looked_at"]] == ["people:export"]
    assert ["person", "1", "name", NAME, ""] in table
    for login, role in (("office", ""), ("khalil", "counter_clerk")):
        if role:
            founded.done("staff", "add", login, "--role", role, typed="a password for khalil\n")
        refused = founded("people", "erase", number, "--by", login, "--reason", "asked", "--yes")
        assert (refused.returncode, "farz staff list" in refused.stderr) == (1, True)
    words = ("people", "erase", number, "--by", "admin", "--reason", "asked", "--json")
    assert "Nothing was done" in founded(*words, typed="n\n").stderr
    done = json.loads(founded.done(*words, "--yes"))
    assert done["person_id"] == int(number)
    again = founded(*words, "--yes")
    assert (again.returncode, "erased before" in again.stderr) == (1, True)
    assert json.loads(founded.done("people", "export", number, *BY))["person"][0]["name"] == "—"
