"""Run the test functions of modules under MicroPython, which has no pytest.

`micropython run_functions.py MODULE...` prints a line for each failure, and a count at the end.
"""

import asyncio
import sys


def run(name):
    """Run every test function of a module, also coroutines; return (passed, failed)."""
    module = __import__(name, None, None, ("*",))
    passed = failed = 0
    for test in sorted([key for key in dir(module) if key.startswith("test_")]):
        try:
            waiting = getattr(module, test)()
            if waiting is not None:
                asyncio.run(waiting)
            passed += 1
        except Exception as error:
            failed += 1
            sys.stdout.write("FAILED " + name + " " + test + "\n")
            sys.print_exception(error, sys.stdout)
    return passed, failed


total = [run(name) for name in sys.argv[1:]]
passed, failed = sum([t[0] for t in total]), sum([t[1] for t in total])
sys.stdout.write("passed " + str(passed) + " failed " + str(failed) + "\n")
