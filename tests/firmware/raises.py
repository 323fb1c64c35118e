"""What pytest has, for test functions that also run on MicroPython."""

import os


def raises(error, call, *arguments):
    """Return the error that a call raises; AssertionError if it raises none of that class."""
    try:
        call(*arguments)
    except error as raised:
        return raised
    raise AssertionError("nothing was raised")


def remove(*paths):
    """Remove files, there or not."""
    for path in paths:
        try:
            os.remove(path)
        except OSError:
            continue
