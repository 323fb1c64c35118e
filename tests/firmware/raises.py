"""pytest.raises for test functions that also run on MicroPython."""


def raises(error, call, *arguments):
    """Return the error that a call raises; AssertionError if it raises none of that class."""
    try:
        call(*arguments)
    except error as raised:
        return raised
    raise AssertionError("nothing was raised")
