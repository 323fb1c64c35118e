"""Names made short, as the last step before firmware is compiled.

MicroPython keeps every distinct name of its modules in memory, twice its length and in a table that
doubles. Three sorts of names mean something in one file alone, so each file may call its own `_0`,
`_1` and so on, and all files share those few: what starts with an underscore, a constant that no
other file reads, and an argument that nobody gives by its name. Of a constant that is a whole
number only the number stays, wherever it is read. Nothing moves to another line: the reason for a
crash still names file and line.
"""

import ast
import builtins
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import StringIO

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
Place = tuple[int, int]  # line from 1, column in characters from 0
FOLDED = (
    *(ast.BinOp, ast.UnaryOp, ast.Add, ast.Sub, ast.Mult, ast.LShift, ast.RShift),
    *(ast.BitAnd, ast.BitOr, ast.BitXor, ast.USub, ast.Name, ast.Load),
)  # what mpy-cross works out
OWN_SCOPE = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)


@dataclass(frozen=True)
class Meant:
    """Names that mean something beyond one file: as a keyword, a word of a text, another's name."""

    by_name: frozenset[str]
    elsewhere: frozenset[str]


def meant(sources: Iterable[str]) -> Meant:
    """Return what the files of a program mean together."""
    keywords: set[str] = set()
    words: set[str] = set()
    read: set[str] = set()
    for node in (node for source in sources for node in ast.walk(ast.parse(source))):
        if isinstance(node, ast.keyword) and node.arg:
            keywords.add(node.arg)
        elif isinstance(node, ast.Attribute):
            read.add(node.attr)
        elif isinstance(node, ast.alias):
            read.add(node.name)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            words.update(re.findall(r"\w+", node.value) if "\n" not in node.value else ())
    return Meant(frozenset(keywords | words), frozenset(read | words))


def shortened(source: str, beyond: Meant) -> str:
    """Return the source of a module with the names short that are its own alone."""
    tree = ast.parse(source)
    private, constants = made_names(tree), own_constants(tree) - beyond.elsewhere
    own = constants | (arguments(tree) - beyond.by_name)
    names = sorted(private | own)
    short = dict(zip(names, _counted(len(names)), strict=True))
    places = set(_places(tree, source, own))
    edits = list(_folded(tree, source, constants))
    for token in tokenize.generate_tokens(StringIO(source).readline):
        if token.string in private or (token.string in own and token.start in places):
            edits.append((token.start, token.end, short[token.string]))
    return _edited(source, edits)


def without(source: str, names: tuple[str, ...]) -> str:
    """Return the source of a module without some functions, classes, tables; no line moves."""
    lines = source.splitlines(keepends=True)
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            made = {node.name}
        else:
            targets = node.targets if isinstance(node, ast.Assign) else []
            made = {target.id for target in targets if isinstance(target, ast.Name)}
        if made & set(names):
            end = node.end_lineno or node.lineno
            lines[node.lineno - 1 : end] = ["\n"] * (end - node.lineno + 1)
    return "".join(lines)


def made_names(tree: ast.Module) -> set[str]:
    """The private names that a module makes: another's, which it only reads, stay as they are."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
    return {name for name in found if name.startswith("_") and not name.startswith("__")} - {"_"}


def own_constants(tree: ast.Module) -> set[str]:
    """The names in capitals that a module makes at its outermost level, and nowhere else."""
    made = {target.id for target, _ in _assigned(tree)}
    return {name for name in made if name.isupper()} - _held(tree)


def arguments(tree: ast.Module) -> set[str]:
    """The names of arguments that are names of nothing else in the module.

    A module that calls with `**` may give any name: it has none.
    """
    nodes = list(ast.walk(tree))
    if any(isinstance(node, ast.keyword) and node.arg is None for node in nodes):
        return set()
    found = {node.arg for node in nodes if isinstance(node, ast.arg)}
    outermost = {target.id for target, _ in _assigned(tree)}
    return {a for a in found if not a.startswith("_")} - outermost - _held(tree) - {"self"}


def _held(tree: ast.Module) -> set[str]:
    """Names that something else in the module has, or that its parts call each other by."""
    found = set(dir(builtins))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.update((node.asname or node.name).split("."))
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            found.update(node.names)
        if isinstance(node, ast.ClassDef):
            found.update(target.id for target, _ in _assigned(node))
    return found


def _assigned(scope: ast.Module | ast.ClassDef) -> Iterator[tuple[ast.Name, ast.expr | None]]:
    """The names that the statements of a scope assign: each with its value if it has it alone."""
    for statement in scope.body:
        alone = isinstance(statement, ast.Assign) and len(statement.targets) == 1
        for node in _of_scope(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                whole = alone and node in statement.targets  # type: ignore[attr-defined]
                yield node, statement.value if whole else None  # type: ignore[attr-defined]


def _of_scope(node: ast.AST) -> Iterator[ast.AST]:
    """A statement and what is in it, but for what has names of its own."""
    if not isinstance(node, OWN_SCOPE):
        yield node
        for child in ast.iter_child_nodes(node):
            yield from _of_scope(child)


def _folded(
    tree: ast.Module, source: str, constants: set[str]
) -> Iterator[tuple[Place, Place, str]]:
    """Edits that tell the compiler which constants are whole numbers it may put in everywhere."""
    assigned = list(_assigned(tree))
    numbers: set[str] = set()
    for target, value in assigned:
        once = sum(target.id == other.id for other, _ in assigned) == 1
        if value is not None and target.id in constants and once and _is_number(value, numbers):
            numbers.add(target.id)
            for line, column, text in (
                (value.lineno, value.col_offset, "const("),
                (value.end_lineno or 0, value.end_col_offset or 0, ")"),
            ):
                place = line, _characters(source, line, column)
                yield place, place, text


def _is_number(value: ast.expr, numbers: set[str]) -> bool:
    for node in ast.walk(value):
        if isinstance(node, ast.Constant):
            if type(node.value) is not int:
                return False
        elif not isinstance(node, FOLDED) or (
            isinstance(node, ast.Name) and node.id not in numbers
        ):
            return False
    return True


def _places(tree: ast.Module, source: str, names: set[str]) -> Iterator[Place]:
    """Where names are read, assigned or taken as arguments: nowhere is a name an attribute."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.arg):
            name = node.id if isinstance(node, ast.Name) else node.arg
            if name in names:
                yield node.lineno, _characters(source, node.lineno, node.col_offset)


def _characters(source: str, line: int, column: int) -> int:
    """A column in characters instead of bytes."""
    return len(source.splitlines()[line - 1].encode()[:column].decode())


def _edited(source: str, edits: list[tuple[Place, Place, str]]) -> str:
    lines = source.splitlines(keepends=True)
    for (row, start), (_, end), text in sorted(edits, reverse=True):
        lines[row - 1] = lines[row - 1][:start] + text + lines[row - 1][end:]
    return "".join(lines)


def _counted(count: int) -> list[str]:
    """So many short names: `_0` to `_z`, then `_10` and on."""
    return ["_" + (DIGITS[i // 36] if i >= 36 else "") + DIGITS[i % 36] for i in range(count)]
