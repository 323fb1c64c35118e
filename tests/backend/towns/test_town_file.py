"""A town from one file: checked whole with line and cure, applied once however often."""

import re
from itertools import count
from pathlib import Path

import pytest

from backend.access import service as access
from backend.access.scopes import STAFF_ROLES
from backend.budgets import coverage
from backend.budgets import service as budgets
from backend.cards import caps
from backend.compost import service as compost
from backend.deposits import provisional
from backend.devices import service as devices
from backend.errors import BadTownFile, Conflict
from backend.kinds import melting
from backend.ledger.accounts import STOCK, STOCK_SOURCE
from backend.ledger.melt_terms import Melting
from backend.ledger.transfers import Code, Group, Leg
from backend.opening import build_services, close_services
from backend.people import synthetic
from backend.settings import Settings
from backend.tariffs import service as tariffs
from backend.towns import reading, service
from backend.towns.applying import TOO_FEW, apply

FILES = Path(__file__).parents[3] / "farz" / "towns"
VILLAGE = (FILES / "village.toml").read_text(encoding="utf-8")
NEW_YEAR_S = 1_798_754_400  # 2027 begins in Hebron
STAFF = {
    "admin": "administrator",
    "khalil": "counter_clerk",
    "lina": "approver",
    "mona": "cooperative_manager",
    "noor": "municipal_officer",
    "omar": "auditor",
    "rami": "collector",
    "rana": "field_technician",
    "salma": "municipal_officer",
}
OLIVES = 'backed_by = "olives"\n'
LATER = """
[[tariffs]]
since = 2031-01-01T00:00:00+02:00
rates = [{ fraction = "organic", amount_per_kg = 30 }]
"""

MISTAKES = [
    ('currency = "QMM"', 'currency = "Q 1"', "town.currency"),
    ('timezone = "Asia/Hebron"', 'timezone = "Asia/Nowhere"', "Write it like Asia/Hebron"),
    ('"ar", "en"', '"Arabic"', "Use two or three small letters"),
    ("scale = 2", "colour = 2", "Nothing is called town.colour"),
    ('waste_code = "20 01 08"', 'waste_code = "20 01 99"', "Write 20 01 08"),
    ('name = "glass"', 'name = "gold"', "No fraction is called gold"),
    ('name = "School"', 'name = "Mosque square"', "is there twice"),
    ('point = "School"', 'point = "Skool"', "Choose among: Mosque square"),
    ('device = "bin-2"', 'device = "Bin 2"', "no device's name"),
    ('role = "counter_clerk"', 'role = "king"', "No role is called king"),
    ('role = "administrator"', 'role = "counter_clerk"', "Nobody is administrator"),
    ("amount_per_kg = 40", "amount_per_kg = -40", "greater than or equal to 0"),
    ("amount_per_kg = 40", 'amount_per_kg = "40"', "valid integer"),
    ('fraction = "metal"', 'fraction = "glass"', "has two rates"),
    ("until = 2028-01-01T00:00:00+02:00", "until = 2026-01-01T00:00:00+02:00", "before it starts"),
    ("until = 2028-01-01T00:00:00+02:00", "", "budgets.0.until is missing"),
    ("until = 2028-01-01T00:00:00+02:00", "until = 2028-01-01T00:00:00", "timezone"),
    ("plain_daily_g = 30000", "plain_daily_g = -1", "greater than or equal to 0"),
    ("plain_daily_g = 30000", "daily_kg = 30", "Nothing is called cards.daily_kg"),
    ("plain_daily_g = 30000", "plain_daily_g = 30000\nplain_uncapped = true", "both or neither"),
    ("provisional_days = 30", "provisional_days = -1", "deposits.provisional_days"),
    ("provisional_days = 30", "provisional_days = 400", "less than or equal to 366"),
    ("scale = 2", "scale = 9", "less than or equal to 6"),
    ('backed_by = "compost', 'note = "compost', "town.backed_by is missing"),
    ('grades = ["standard"]', 'grades = ["clean"]', "what a bin vouches for"),
    ('grades = ["standard"]', 'grades = ["Very clean!"]', "town.grades.0"),
    ("amount_per_kg = 60 }", 'amount_per_kg = 60, grade = "gold" }', "No grade is called gold"),
    ('device = "bin-2"', 'device = "bin-1"', "is there twice"),
    ('login = "noor"', 'login = "salma"', "is there twice"),
    ('login = "noor"', 'login = "Noor N."', "staff.2.login"),
    ('waste_code = "20 01 11"', 'waste_code = "20 03 01"', "Write 20 01 11"),
    ("amount_per_tonne = 3000 }", "amount_per_tonne = -3 }", "amount_per_tonne"),
    ('source = "synthetic gate fee"', "", "factors.0.source is missing"),
    (
        '{ fraction = "plastic", amount_per_tonne',
        '{ fraction = "organic", amount_per_tonne',
        "is said twice",
    ),
    (
        '{ fraction = "plastic", amount_per_tonne',
        '{ fraction = "sand", amount_per_tonne',
        "sand is not accepted",
    ),
]

# What is wrong only beside something else: added to the file, told with these words.
ADDED = [
    (
        """[[devices]]
device = "bin-9"
places = [
  { point = "School", since = 2028-01-01T00:00:00+02:00 },
  { point = "Cooperative", since = 2027-06-01T00:00:00+02:00 },
]""",
        "moves before it has stood",
    ),
    (
        """[[budgets]]
since = 2027-06-01T00:00:00+02:00
until = 2027-07-01T00:00:00+02:00
amount = 5""",
        "This period overlaps the one that ends",
    ),
    (
        """[[tariffs]]
since = 2028-01-01T00:00:00+02:00
point = "Harbour"
rates = [{ fraction = "organic", amount_per_kg = 30 }]""",
        "which is no point here",
    ),
    (
        """[[tariffs]]
since = 2028-01-01T00:00:00+02:00
rates = [{ fraction = "gold", amount_per_kg = 30 }]""",
        "gold is not accepted in this town",
    ),
    (
        """[[tariffs]]
since = 2028-01-01T00:00:00+02:00
until = 2028-03-01T00:00:00+02:00
rates = [{ fraction = "organic", amount_per_kg = 30 }]
[[tariffs]]
since = 2028-02-01T00:00:00+02:00
until = 2028-04-01T00:00:00+02:00
rates = [{ fraction = "organic", amount_per_kg = 31 }]""",
        "This period overlaps",
    ),
    (
        """[[products]]
name = "Compost"
amount_per_kg = 31""",
        "is there twice",
    ),
    (
        """[[produkts]]
name = "Compost"
amount_per_kg = 31""",
        "Nothing is called produkts",
    ),
    (
        """[[factors]]
pack = "Avoided disposal"
source = "x"
since = 2028-01-01T00:00:00+02:00
disposal = [{ fraction = "organic", amount_per_tonne = 1 }]""",
        "is there twice",
    ),
]


@pytest.mark.parametrize(("right", "wrong", "words"), MISTAKES)
def test_every_kind_of_mistake_is_told_with_its_line(right: str, wrong: str, words: str) -> None:
    assert right in VILLAGE
    at = next(n for n, line in enumerate(VILLAGE.splitlines(), 1) if right in line)

    with pytest.raises(BadTownFile) as told:
        reading.read(VILLAGE.replace(right, wrong, 1))

    line = int(str(told.value).split("line ")[1].split(":")[0])
    assert words in str(told.value)
    assert at - 12 <= line <= at + 1  # what is missing is told at its table, a second at its line


@pytest.mark.parametrize(("added", "words"), ADDED, ids=lambda text: text[:24])
def test_what_does_not_fit_the_rest_is_told_where_it_was_added(added: str, words: str) -> None:
    with pytest.raises(BadTownFile, match="1 to mend") as told:
        reading.read(f"{VILLAGE}\n{added}\n")

    line = int(str(told.value).split("line ")[1].split(":")[0])
    assert words in str(told.value)
    assert line > len(VILLAGE.splitlines())


def test_all_mistakes_are_told_at_once_and_overlaps_too() -> None:
    doubled = VILLAGE + LATER + LATER.replace("30", "31")
    bad = doubled.replace("20 01 08", "20 01 09")

    with pytest.raises(BadTownFile, match="2 to mend") as told:
        reading.read(bad)

    assert "Two tariffs start at this moment" in str(told.value)
    with pytest.raises(BadTownFile, match="not TOML"):
        reading.read("[town")


WORTHLESS = """
[[budgets]]
since = 2030-01-01T00:00:00+02:00
until = 2029-01-01T00:00:00+02:00
amount = 1
"""


@pytest.mark.parametrize(("right", "wrong", "words"), MISTAKES)
def test_no_mistake_hides_another(right: str, wrong: str, words: str) -> None:
    bad = VILLAGE.replace(right, wrong, 1)
    with pytest.raises(BadTownFile) as told:
        reading.read(bad + WORTHLESS)

    assert words in str(told.value)
    assert f"line {len(bad.splitlines()) + 4}: This ends before it starts." in str(told.value)


def test_a_value_of_the_wrong_type_is_one_mistake_at_its_line_wherever_it_is() -> None:
    values = list(re.finditer(r'\w+ = ("[^"\n]*"|\[".*\]|[^\s,}\[\]"]+)', VILLAGE))

    assert len(values) > 80
    for each in values:
        start, end = each.span(1)
        line = VILLAGE[:start].count("\n") + 1
        with pytest.raises(BadTownFile, match="1 to mend") as told:
            reading.read(VILLAGE[:start] + "{ x = 1 }" + VILLAGE[end:])
        assert f"\nline {line}: " in str(told.value), each
        assert "Write another value here" not in str(told.value), each


def test_what_is_missing_or_of_another_kind_is_one_mistake_too() -> None:
    tables = ["[town]", "[cards]", *(f"[[{each}]]" for each in ("points", "staff", "products"))]
    for header in tables:
        start = VILLAGE.index(header)
        end = VILLAGE.find("\n\n", start) + 1
        name = header.strip("[]")
        bad = f"{name} = 3\n" + VILLAGE[:start] + VILLAGE[end:]
        while header in bad:
            start = bad.index(header)
            bad = bad[:start] + bad[bad.find("\n\n", start) + 1 :]
        with pytest.raises(BadTownFile, match="1 to mend"):
            reading.read(bad)


def test_a_file_in_another_encoding_is_told_and_a_mark_before_it_is_no_mistake() -> None:
    assert reading.read_file(b"\xef\xbb\xbf" + VILLAGE.encode()) == reading.read(VILLAGE)

    with pytest.raises(BadTownFile, match="line 3: This is not UTF-8"):
        reading.read_file(b"[town]\n\nname = '\xe1'\n")


@pytest.mark.parametrize(
    ("name", "people", "households"), [("village.toml", 500, 100), ("city.toml", 50_000, 10_000)]
)
def test_the_towns_that_come_with_it_are_right_and_labelled(
    name: str, people: int, households: int
) -> None:
    found = reading.read((FILES / name).read_text(encoding="utf-8"))

    assert "synthetic" in found.town.name
    assert found.people is not None
    entries = list(synthetic.entries(found.people.synthetic))
    assert len({each.name for each in entries}) == len(entries) == people
    assert len({each.household for each in entries}) == households
    assert {each.role for each in found.staff} == set(STAFF_ROLES), "a town to walk by every role"
    assert sum(each.uid is not None for each in entries) == households
    assert all("synthetic" in each.name and "synthetic" in each.household for each in entries)


def test_applying_twice_changes_nothing_and_later_tariffs_are_drafts(
    tmp_path: Path, database_url: str
) -> None:
    settings = Settings(data_dir=tmp_path, database_url=database_url)
    settings.create_secret()
    seconds = count(1_795_000_000)  # each look at the clock is a second later
    services = build_services(settings, lambda: next(seconds) * 1_000_000)
    services.poster.start()
    try:
        first = apply(services, reading.read(VILLAGE))
        again = apply(services, reading.read(VILLAGE))
        later = apply(services, reading.read(VILLAGE + LATER))

        assert len(first.secrets) == len(STAFF) + 5
        assert (again.done, again.secrets) == ([], [])
        assert later.done == ["tariff 2 is a draft for two approvers"]
        promoted = VILLAGE.replace('login = "khalil"\nrole = "counter_clerk"',
                                   'login = "khalil"\nrole = "administrator"')  # fmt: skip
        told = apply(services, reading.read(promoted))
        assert told.done == []
        assert told.notes[0].startswith("khalil stays counter_clerk: no file makes")
        with services.read() as conn:
            assert [v.approved for v in tariffs.tariffs(conn, 1)] == [True, False]
            assert len(service.points(conn, 1)) == 5
            assert service.backing(conn, 1).startswith("compost of the cooperative")
            assert [c.amount_per_tonne for c in coverage.disposal_costs(conn, 1)] == [3000] * 3
            assert [(c.from_s, c.daily_g) for c in caps.caps(conn, 1)] == [(0, 30_000)]
            assert caps.caps(conn, 1)[0].daily_amount == 1500
            stands = devices.assignments(conn, 1, "bin-2")
            assert stands == [(NEW_YEAR_S, service.points(conn, 1)[1].id)]
            assert [(b.from_s, b.amount) for b in budgets.budgets(conn, 1)] == [
                (NEW_YEAR_S, 2_500_000)
            ]
            assert {each: access.by_login(conn, 1, each).role for each in STAFF} == STAFF
            assert len(access.staff(conn, 1)) == len(STAFF)
            sold = compost.products(conn, 1, at_s=next(seconds))
            assert [(each.name, each.amount_per_kg) for each in sold] == [("Compost", 30)]
            founded = service.town(conn, 1)
            assert (founded.currency, founded.scale) == ("QMM", 2)
            assert (founded.languages, founded.timezone) == (("ar", "en"), "Asia/Hebron")
            rates = tariffs.tariffs(conn, 1)[0].rates
            assert rates["organic", "standard"] == 25
            assert len(rates) == 7
        dearer = VILLAGE.replace("amount_per_tonne = 3000", "amount_per_tonne = 3100")
        with pytest.raises(Conflict, match="later `since`"):
            apply(services, reading.read(dearer))
        other = reading.read(VILLAGE.replace('backed_by = "compost', 'backed_by = "Compost'))
        assert apply(services, other).done[0].startswith("its credit is backed by: Compost")
        with pytest.raises(Conflict, match="stays"):
            apply(services, reading.read(VILLAGE.replace('"QMM"', '"XYZ"')))
    finally:
        close_services(services)


def test_what_officers_decided_since_is_not_overwritten_in_silence(
    tmp_path: Path, database_url: str
) -> None:
    settings = Settings(data_dir=tmp_path, database_url=database_url)
    settings.create_secret()
    seconds = count(1_795_000_000)
    services = build_services(settings, lambda: next(seconds) * 1_000_000)
    services.poster.start()
    try:
        apply(services, reading.read(VILLAGE))
        dearer = VILLAGE.replace("amount_per_kg = 30\n", "amount_per_kg = 31\n")
        assert apply(services, reading.read(dearer)).done == ["Compost costs 31 per kg"]
        with services.begin() as conn:
            at = {"decided_by": "staff:2", "from_s": services.now_s()}
            compost.set_price(conn, 1, 1, 45, **at)
            caps.set_cap(conn, 1, daily_g=9_000, daily_amount=None, **at)
            service.back(conn, 1, "olives", **at)

        with pytest.raises(Conflict) as told:
            apply(services, reading.read(VILLAGE + LATER))

        words = str(told.value)
        for decided in (
            "Compost costs 45 per kg (decided by staff:2)",
            "plain cards bring at most 9000 g a day (decided by staff:2)",
            "backed by: olives (decided by staff:2)",
            "--overwrite",
        ):
            assert decided in words
        with services.read() as conn:
            assert len(tariffs.tariffs(conn, 1)) == 1  # nothing else was done either
            assert compost.product(conn, 1, 1, at_s=next(seconds)).amount_per_kg == 45
        as_decided = (
            VILLAGE.replace("amount_per_kg = 30\n", "amount_per_kg = 45\n")
            .replace("plain_daily_g = 30000\nplain_daily_amount = 1500", "plain_daily_g = 9000")
            .replace(VILLAGE[VILLAGE.index("backed_by") : VILLAGE.index("languages")], OLIVES)
        )
        assert apply(services, reading.read(as_decided)).done == []
        over = apply(services, reading.read(VILLAGE), overwrite=True)
        assert sorted(each.split()[0] for each in over.done) == ["Compost", "its", "plain"]
    finally:
        close_services(services)


def test_a_town_with_too_few_to_approve_is_told(tmp_path: Path, sqlite_url: str) -> None:
    ends = [(VILLAGE.index(f'[[staff]]\nlogin = "{each}')) for each in ("noor", "kh", "lina", "om")]
    settings = Settings(data_dir=tmp_path, database_url=sqlite_url)
    settings.create_secret()
    services = build_services(settings)
    services.poster.start()
    try:
        village = VILLAGE[: ends[0]] + VILLAGE[ends[1] : ends[2]] + VILLAGE[ends[3] :]
        few = apply(services, reading.read(village))
        enough = apply(services, reading.read(VILLAGE))
    finally:
        close_services(services)

    assert few.notes == [TOO_FEW]
    assert enough.notes == []


def test_a_file_that_says_nothing_of_plain_cards_has_them_capped(
    tmp_path: Path, sqlite_url: str
) -> None:
    cards = VILLAGE[VILLAGE.index("[cards]") : VILLAGE.index("[[fractions]]")]
    settings = Settings(data_dir=tmp_path, database_url=sqlite_url)
    settings.create_secret()
    services = build_services(settings)
    services.poster.start()
    try:
        silent = apply(services, reading.read(VILLAGE.replace(cards, "")))
        again = apply(services, reading.read(VILLAGE.replace(cards, "")))
        uncapped = VILLAGE.replace(cards, "[cards]\nplain_uncapped = true\n")
        free = apply(services, reading.read(uncapped))
        with services.read() as conn:
            dated = caps.caps(conn, 1)
    finally:
        close_services(services)

    assert "plain cards bring at most 30000 g a day" in silent.done
    assert again.done == []
    assert free.done == ["plain cards are not capped"]
    assert [each.daily_g for each in dated] == [caps.DEFAULT_DAILY_G, None]
    assert caps.cap_at(dated, dated[-1].from_s) is None


EXPIRES = "\n[expiry]\ndays = 365\n"
DEMURRAGE = "\n[demurrage]\nbasis_points = 100\nfree_amount = 5000\n"


def test_a_town_is_founded_with_its_rule_of_melting_and_later_files_only_draft(
    tmp_path: Path, database_url: str
) -> None:
    settings = Settings(data_dir=tmp_path, database_url=database_url)
    settings.create_secret()
    seconds = count(1_795_000_000)
    services = build_services(settings, lambda: next(seconds) * 1_000_000)
    services.poster.start()
    try:
        first = apply(services, reading.read(VILLAGE + EXPIRES))
        again = apply(services, reading.read(VILLAGE + EXPIRES))
        with services.read() as conn:
            rules = melting.in_force(conn, services.ledger_id)
        leg = Leg(STOCK_SOURCE, STOCK, 5_000, Code.RECEIVE_STOCK)
        services.poster.submit(Group((leg,), 1_795_000_000)).result()
        later = apply(services, reading.read(VILLAGE + DEMURRAGE))
        once = apply(services, reading.read(VILLAGE + DEMURRAGE))
        with services.read() as conn:
            still = melting.in_force(conn, services.ledger_id)
            drafts = melting.drafts(conn, services.ledger_id)
    finally:
        close_services(services)

    assert "credit melts by expiry" in first.done
    assert again.done == once.done == []
    assert [(r.currency, r.melting, r.decided_by) for r in rules] == [
        ("credit", Melting("expiry", days=365), tariffs.FOUNDING)
    ]
    assert later.done == ["melting by demurrage is draft 1 for two approvers"]
    assert still == rules
    assert [(d.melting.basis_points, d.melting.free_amount, d.approved) for d in drafts] == [
        (100, 5_000, False)
    ]


@pytest.mark.parametrize(
    ("added", "words"),
    [
        (EXPIRES + DEMURRAGE, "never both"),
        ("\n[expiry]\ndays = 0\n", "Write 1 or more"),
        ("\n[demurrage]\nfree_amount = 5\n", "demurrage.basis_points is missing"),
        ("\n[demurrage]\nbasis_points = 10001\n", "Write 10000 or less"),
    ],
)
def test_a_rule_of_melting_with_a_mistake_is_told_with_its_line(added: str, words: str) -> None:
    with pytest.raises(BadTownFile, match=words):
        reading.read(VILLAGE + added)


def test_a_file_says_how_long_provisional_credit_waits(tmp_path: Path, sqlite_url: str) -> None:
    settings = Settings(data_dir=tmp_path, database_url=sqlite_url)
    settings.create_secret()
    services = build_services(settings)
    services.poster.start()
    longer = VILLAGE.replace("provisional_days = 30", "provisional_days = 45")
    never = VILLAGE.replace("provisional_days = 30", "provisional_days = 0")
    try:
        apply(services, reading.read(VILLAGE))
        done = [apply(services, reading.read(file)).done for file in (longer, longer, never)]
        with services.begin() as conn:
            assert provisional.days(conn, 1) == 0
            provisional.decide(conn, 1, 9, decided_by="staff:2", from_s=1)
        with pytest.raises(Conflict, match=r"paid after 9 days \(decided by staff:2\)"):
            apply(services, reading.read(VILLAGE))
    finally:
        close_services(services)

    paid = ["provisional credit is paid after 45 days"]
    assert done == [paid, [], ["provisional credit waits for a person"]]
