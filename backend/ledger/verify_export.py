"""The verifier over an export: its rows are put into books of their own and folded again.

Needs no backend and no network. I7 (append-only) is a question to a database and says nothing
here; records whose signed bytes stayed at home count as sealed.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection

from backend import db
from backend.ledger import export
from backend.ledger.verify import Problem, Report, verify

More = Callable[[Connection, Report], None]


def verify_export(at: Path, more: More | None = None) -> Report:
    """Checks an export's files, every invariant, and what else `more` asks of the folded books.

    Raises UnusableExport.
    """
    told = export.read_manifest(at)
    changed = [
        Problem("export", f"{name} is not the file that was exported")
        for name in export.altered(at, told)
    ]
    report = _folded(at, told["ledger_id"], more, with_salt=told["with_salt"])
    report.problems[:0] = changed
    return report


def _folded(at: Path, ledger_id: int, more: More | None, *, with_salt: bool) -> Report:
    metadata = export.TABLES[0].metadata
    with tempfile.TemporaryDirectory() as scratch:
        engine = db.create_engine(f"sqlite:///{scratch}/export.sqlite")
        try:
            with db.begin(engine) as conn:
                metadata.create_all(conn)
                export.load(conn, at)
            with db.read(engine) as conn, (at / "leaves.bin").open("rb") as leaves:
                leaf_of = None if with_salt else export.LeafReader(leaves)
                report = verify(conn, ledger_id, leaf_of=leaf_of, with_tiles=False)
                if more is not None:
                    more(conn, report)
                return report
        except export.BrokenRow as error:
            broken = Report(ledger_id)
            broken.add("export", f"a row breaks a rule of its table: {error}")
            return broken
        finally:
            engine.dispose()
