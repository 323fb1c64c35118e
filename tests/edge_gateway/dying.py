"""A gateway that is killed (-9) between its commit and its PUBACK: a process for the tests."""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any

from edge_gateway import __main__, broker


def die(self: Any, arrivals: Sequence[Any], publishes: Sequence[Any]) -> None:
    if arrivals:
        os.kill(os.getpid(), signal.SIGKILL)
        threading.Event().wait()


if __name__ == "__main__":
    broker.BrokerClient.finish = die
    sys.exit(__main__.main([]))
