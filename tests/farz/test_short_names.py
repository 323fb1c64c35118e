"""The firmware's own names are short once it is compiled, and mean the same."""

import ast

from farz.processes import ROOT
from farz.short_names import made_names, meant, shortened, without

SOURCES = sorted((ROOT / "firmware").rglob("*.py"))
SOURCE = '''
"""Speaks of _total, which stays."""
_FIRST = 3
STEP, WAYS = 4 - 2, ("up", "down")
TWICE = -(STEP + STEP) // -2
OPEN = 1
LATE = OPEN << 3
LATE += 1


class Sum:
    def __init__(self, other) -> None:
        self._total = _FIRST
        self._other = other

    def add(self, number: int, _twice: bool = False) -> int:
        self._total += self._doubled(number) if _twice else number
        return self._total + self._other._theirs

    def _doubled(self, number: int) -> int:
        return TWICE * number


def way(grams: int, least: int = 0, *, name: str = "") -> tuple:
    """Keeps `name`, which somebody gives, and `least`, for a text says it."""
    weight = [grams + LATE - 9 for grams in (grams, least)]
    return WAYS[weight[0] & 1], weight, (lambda grams, name: name + grams)("é", name), "least"


class Row:
    number = 5

    def __init__(self, other: int) -> None:
        self.other = other + self.number
'''


class Other:
    _theirs = 1000


def run(source: str) -> list[int]:
    names: dict[str, type] = {}
    exec(source, names)
    made = names["Sum"](Other())
    told = [names["way"](3, name="x"), names["Row"](1).other]
    return [made.add(4), made.add(5, True), *told]


def test_short_names_mean_the_same() -> None:
    short = shortened(SOURCE, meant([SOURCE, "f(name=0); STEP.OPEN; print(other)"]))

    assert run(short.replace("const(", "(")) == run(SOURCE)
    assert run(SOURCE) == [1007, 1017, (("down"), [3, 0], "xé", "least"), 6]
    gone = ("_FIRST", "._other", "_doubled", "_twice", "WAYS", "TWICE", "LATE", "def way(grams")
    assert not [name for name in gone if name in short]
    kept = ("OPEN = 1", "least: int = 0", "name: str", "weight =", "number = 5", "self.other")
    assert not [name for name in kept if name not in short]
    assert " = const(3)\n" in short
    assert "._theirs" in short
    assert '"""Speaks of _total, which stays."""' in short


def test_every_line_stays_where_it_was() -> None:
    beyond = meant(path.read_text() for path in SOURCES)
    for path in SOURCES:
        source = path.read_text()
        before, after = ast.parse(source), ast.parse(shortened(source, beyond))
        places = [node.lineno for node in ast.walk(before) if isinstance(node, ast.stmt)]
        assert places == [node.lineno for node in ast.walk(after) if isinstance(node, ast.stmt)]


def test_no_module_of_the_firmware_touches_what_is_private_to_another() -> None:
    trees = {path.name: ast.parse(path.read_text()) for path in SOURCES}
    made = {name: made_names(tree) for name, tree in trees.items()}
    for name, tree in trees.items():
        theirs = set().union(*(made[other] for other in made if other != name)) - made[name]
        touched = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        touched |= {alias.name for node in imports for alias in node.names}
        assert not touched & theirs, f"{name}: a name of another file needs no underscore"


def test_arguments_stay_in_a_module_that_calls_with_whatever_it_was_given() -> None:
    source = "def add(left, right):\n    return left - right\n\ndef call(**all):\n    add(**all)\n"

    assert shortened(source, meant([source])) == source


def test_what_a_bin_does_not_need_of_a_module_goes_without_moving_a_line() -> None:
    source = "A = {\n    1: 2,\n}\nB = 3\n\n\ndef c():\n    return B\n\n\nD = 4\n"

    assert without(source, ("A", "c")) == "\n\n\nB = 3\n\n\n\n\n\n\nD = 4\n"
