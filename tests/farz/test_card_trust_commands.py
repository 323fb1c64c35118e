"""Setting up secure cards and capping plain ones from the command line."""

import json
import time

from tests.farz.shell import Shell

BY = ("--by", "admin")


def test_a_chip_gets_keys_of_its_own_and_the_same_ones_again(founded: Shell) -> None:
    one = json.loads(founded.done("card", "chip", "04DE5F1EACC040", *BY, "--json"))
    again = json.loads(founded.done("card", "chip", "04de5f1eacc040", *BY, "--json"))
    other = json.loads(founded.done("card", "chip", "04DE5F1EACC041", *BY, "--json"))

    assert one == again
    assert one["key 1"] == other["key 1"]
    assert {one["key 0"], one["key 2"]}.isdisjoint({other["key 0"], other["key 2"]})
    assert one["key 2"] in founded.done("card", "chip", "04DE5F1EACC040", *BY)
    assert "7 bytes" in founded("card", "chip", "04DE5F1E", *BY).stderr
    assert "no message" in founded.done("card", "late")


def test_a_service_card_gets_entries_for_its_bins(founded: Shell) -> None:
    words = ("card", "service", "04DE5F1EACC040", "--device", "bin-1", "--device", "bin-2", *BY)

    told = json.loads(founded.done(*words, "--who", "admin"))
    plain = json.loads(founded.done(*words, "--who", "admin", "--plain"))

    one, two = told["service"]["bin-1"], told["service"]["bin-2"]
    assert one["tag"] != two["tag"]
    assert (one["mac"], one["picc"]) == (two["mac"], two["picc"])
    assert plain["service"]["bin-1"] == {"tag": one["tag"]}
    assert "Nobody of the staff" in founded(*words, "--who", "stranger").stderr


def test_plain_cards_are_capped_and_uncapped(founded: Shell) -> None:
    first = "from the beginning: at most 30000 g a day, any number of minor units a day"
    assert first in founded.done("card", "cap")

    told = json.loads(founded.done("card", "cap", "--grams", "20000", *BY, "--json"))
    time.sleep(1.1)  # a cap holds from a whole second on, and each has its own
    free = founded.done("card", "cap", "--none", *BY)

    assert [(each["daily_g"], each["daily_amount"]) for each in told][-1] == (20_000, None)
    assert "any number of g a day, any number of minor units a day" in free
    assert "whole number" in founded("card", "cap", "--grams", "-1", *BY).stderr
    assert "Say who decides it: --by LOGIN" in founded("card", "cap", "--grams", "5").stderr
