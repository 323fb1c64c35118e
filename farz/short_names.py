"""Private names made short, as the last step before firmware is compiled.

MicroPython keeps every distinct name of its modules in memory, twice its length and in a table that
doubles. What starts with an underscore is meant for one file alone, so each file may call its own
`_0`, `_1` and so on, and all files share those few. Nothing moves to another line: the reason for
a crash still names file and line.
"""

import ast
import io
import tokenize

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def shortened(source: str) -> str:
    """Return the source of a module with its own private names made short."""
    names = sorted(made_names(ast.parse(source)))
    short = dict(zip(names, _counted(len(names)), strict=True))
    lines = source.splitlines(keepends=True)
    for token in reversed(list(tokenize.generate_tokens(io.StringIO(source).readline))):
        if token.type == tokenize.NAME and token.string in short:
            row, start = token.start[0] - 1, token.start[1]
            end = start + len(token.string)
            lines[row] = lines[row][:start] + short[token.string] + lines[row][end:]
    return "".join(lines)


def without(source: str, functions: tuple[str, ...]) -> str:
    """Return the source of a module without some of its functions; no line moves."""
    lines = source.splitlines(keepends=True)
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name in functions:
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


def _counted(count: int) -> list[str]:
    """So many short names: `_0` to `_z`, then `_10` and on."""
    return ["_" + (DIGITS[i // 36] if i >= 36 else "") + DIGITS[i % 36] for i in range(count)]
