"""The house rules as tests: sizes, names, one home for topics, no machine of ours in the tree.

Each failure says what to do about it.
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS = ("firmware", "edge_gateway", "backend", "dashboards", "farz", "bench")
BANNED_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
MODULE_LINES, FUNCTION_LINES, COLUMNS = 400, 70, 100
# One source for all rooms is worth one longer file (DECISIONS.md, "One contract file").
LONGER = {"firmware/contract.py": 600}


def tracked(*patterns: str) -> list[Path]:
    """Files that git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.split("\n") if name and (ROOT / name).is_file()]


def room_modules() -> list[Path]:
    modules = [p for p in tracked("*.py") if p.relative_to(ROOT).parts[0] in ROOMS]
    return [p for p in modules if "versions" not in p.parts]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def test_modules_are_short_enough_to_read() -> None:
    long = {name_of(p): len(p.read_text().splitlines()) for p in room_modules()}
    over = {n: k for n, k in long.items() if k > LONGER.get(n, MODULE_LINES)}

    assert not over, f"split these modules by what they do: {over}"


def test_functions_are_short_enough_to_hold_in_mind() -> None:
    over = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path in room_modules()
        for node in functions(ast.parse(path.read_text()))
        if (node.end_lineno or node.lineno) - node.lineno >= FUNCTION_LINES
    ]

    assert not over, f"keep the branches, move the steps into functions: {over}"


def test_lines_end_before_the_hundredth_column() -> None:
    over = [
        f"{name_of(path)}:{number}"
        for path in room_modules()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > COLUMNS
    ]

    assert not over, f"break these lines: {over}"


def test_modules_say_what_they_are_for() -> None:
    silent = [
        name_of(p)
        for p in room_modules()
        if p.read_text().strip() and not ast.get_docstring(ast.parse(p.read_text()))
    ]

    assert not silent, f"give these modules a docstring of purpose and model: {silent}"


def test_no_module_is_named_after_nothing() -> None:
    vague = [name_of(p) for p in room_modules() if p.stem in BANNED_NAMES]

    assert not vague, f"name these modules after what they do: {vague}"


def test_topics_are_spelt_in_the_contract_alone() -> None:
    spelt = [
        f"{name_of(path)}:{node.lineno}"
        for path in room_modules()
        if name_of(path) != "firmware/contract.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.match(r"farz/\d/", node.value)
    ]

    assert not spelt, f"use contract.topic() and contract.parse_topic(): {spelt}"


def test_money_and_grams_are_never_floats() -> None:
    amounts = re.compile(r"(_g|amount|credit|balance)$")
    floats = [
        f"{name_of(path)}:{node.lineno}"
        for path in room_modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and amounts.search(node.target.id)
        and isinstance(node.annotation, ast.Name)
        and node.annotation.id == "float"
    ]

    assert not floats, f"count grams and minor units in integers: {floats}"


def test_the_contract_imports_only_what_both_interpreters_have() -> None:
    tree = ast.parse((ROOT / "firmware/contract.py").read_text())
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }

    assert imported == {"binascii", "hashlib", "json"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]


def test_only_the_esp32_board_imports_the_machine() -> None:
    allowed = {"firmware/boards/esp32.py"}
    guilty = [
        name_of(path)
        for path in tracked("firmware/*.py")
        if name_of(path) not in allowed
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import)
        and {alias.name for alias in node.names} & {"machine", "network", "esp32"}
    ]

    assert not guilty, f"let boards/esp32.py hand pins and radios in: {guilty}"


def test_the_tree_names_no_machine_of_its_makers() -> None:
    command = ["git", "grep", "-lE", "-e", "[\"' =:](/work|/root|/home/[a-z]+)/"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.split()

    assert not found, f"paths belong into settings, not into {found}"
