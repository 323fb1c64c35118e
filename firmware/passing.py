"""How a small heap stays usable: modules that only a start needs go, and garbage goes often."""

import gc
import sys

SMALL = 512 * 1024  # bytes; a larger heap has room, and takes longer to collect
PART = 64  # of a small heap: so much new memory brings the next collection


def tidy() -> None:
    """Collect garbage long before a small heap is full.

    What stays for ever then lies close together from the first import on, and there is always one
    piece large enough for a message.
    """
    total = gc.mem_alloc() + gc.mem_free()
    if total <= SMALL:
        gc.threshold(total // PART)


def drop(*names: str) -> None:
    """Give back the memory of modules of the firmware; who imports one again loads it again."""
    for name in names:
        whole = "firmware." + name
        if whole in sys.modules:
            del sys.modules[whole]
            package, _, last = whole.rpartition(".")
            delattr(sys.modules[package], last)
