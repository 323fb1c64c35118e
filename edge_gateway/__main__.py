"""`python -m edge_gateway` runs the gateway until SIGTERM; `init` makes its attestation key,
`again SECONDS` relays once more what came within the last SECONDS, `take FILE` takes in messages
that came on foot.
"""

import json
import logging
import signal
import sys
import threading
import time
from pathlib import Path

from edge_gateway import attest, inbox
from edge_gateway.app import Gateway, keep_startup
from edge_gateway.errors import GatewayError
from edge_gateway.notify import notify, watchdog_s
from edge_gateway.settings import Settings, load
from edge_gateway.store import Batch, Store

USAGE = "farz gateway [init | again SECONDS | take FILE]"


def main(arguments: list[str]) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        match arguments:
            case []:
                return run(load())
            case ["init"]:
                sys.stdout.write(attest.init(load().data_dir) + "\n")
                return 0
            case ["again", seconds] if seconds.isdigit():
                return relay_again(load(), int(seconds))
            case ["take", path]:
                return take(load(), Path(path))
    except GatewayError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stderr.write(USAGE + "\n")
    return 2


def run(settings: Settings) -> int:
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    gateway = Gateway(settings)
    keep_startup()
    with gateway:
        notify("READY=1")
        while not stopping.wait(watchdog_s()):
            if gateway.alive:
                notify("WATCHDOG=1")
        notify("STOPPING=1")
    return 0


def take(settings: Settings, path: Path) -> int:
    """Take in a file of lines {"topic", "jws"}, beside a running gateway; known bytes are known."""
    try:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        readings = [inbox.read(row["topic"], row["jws"].encode()) for row in rows]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise GatewayError(f"{path} is not a file of salvaged messages ({error!r}).") from error
    taken = Batch(
        [each for each in readings if isinstance(each, inbox.Record)],
        [],
        [each for each in readings if isinstance(each, inbox.Rejected)],
    )
    store = Store(settings.data_dir / "gateway.db", max_bytes=settings.store_max_bytes)
    new = store.commit(taken, int(time.time()))
    store.close()
    known, refused = len(taken.records) - new, len(taken.rejected)
    sys.stdout.write(f"{new} records are new, {known} were known, {refused} were refused\n")
    return 1 if refused else 0


def relay_again(settings: Settings, seconds: int) -> int:
    """Works beside a running gateway, which takes the rows up at its next poll."""
    store = Store(settings.data_dir / "gateway.db", max_bytes=settings.store_max_bytes)
    rows = store.relay_again(int(time.time()) - seconds)
    store.close()
    sys.stdout.write(f"{rows} records will be relayed again\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
