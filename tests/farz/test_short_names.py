"""Private names of the firmware are short once it is compiled, and mean the same."""

import ast

from farz.processes import ROOT
from farz.short_names import made_names, shortened

SOURCES = sorted((ROOT / "firmware").rglob("*.py"))
SOURCE = '''
"""Speaks of _total, which stays."""
_FIRST = 3


class Sum:
    def __init__(self, other) -> None:
        self._total = _FIRST
        self._other = other

    def add(self, number: int, _twice: bool = False) -> int:
        self._total += self._doubled(number) if _twice else number
        return self._total + self._other._theirs

    def _doubled(self, number: int) -> int:
        return 2 * number
'''


class Other:
    _theirs = 1000


def run(source: str) -> list[int]:
    names: dict[str, type] = {}
    exec(source, names)
    made = names["Sum"](Other())
    return [made.add(4), made.add(5, True)]


def test_short_names_mean_the_same() -> None:
    short = shortened(SOURCE)

    assert run(short) == run(SOURCE) == [1007, 1017]
    assert not [name for name in ("_FIRST", "._other", "_doubled", "_twice") if name in short]
    assert "._theirs" in short
    assert '"""Speaks of _total, which stays."""' in short


def test_every_line_stays_where_it_was() -> None:
    for path in SOURCES:
        source = path.read_text()
        before, after = ast.parse(source), ast.parse(shortened(source))
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
