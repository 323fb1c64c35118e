"""What the real board runs at power-up: `import firmware.main`. Settings lie in /settings.json."""

import asyncio
import json

from firmware.app import App
from firmware.boards.esp32 import Esp32Board
from firmware.errors import SettingsFault
from firmware.passing import tidy
from firmware.supervisor import LastWords, reason
from firmware.twin import Twin


def board() -> Esp32Board:
    """Return the board: its pins and buses, which are always there.

    One that cannot be built is told in the next birth, and whoever started this starts anew.
    """
    try:
        return Esp32Board()
    except Exception as error:
        LastWords(Esp32Board.folder).write(reason(error))
        raise


def app(on: Esp32Board) -> App:
    """Return the bin on its board; SettingsFault if files or the journal's partition are missing.

    A board whose safe mode is asked for is told no network.
    """
    if on.flash is None:
        raise SettingsFault("no partition for the journal")
    if not on.rescue():
        on.join(wifi(on.folder))
    return App(on, tuning(on.folder))


def tuning(folder: str):
    """Return the settings in force and the keys; nobody else may keep their module, which goes."""
    from firmware.tuning import Tuning

    return Tuning(folder)


def main() -> None:
    tidy()
    made = board()
    try:
        if made.rescue():
            _rescue(made, True)
        asyncio.run(app(made).run())
    except SettingsFault as error:
        LastWords(made.folder).write(reason(error))
        _rescue(made, False)
    except KeyboardInterrupt:
        made.lid_lock(0)
        raise  # a technician's cable: the prompt is theirs, and nobody starts the board anew
    except Exception as error:
        LastWords(made.folder).write(reason(error))
    made.restart()


def wifi(folder: str) -> dict:
    """Return the network in force, {"ssid", "password"}: as set on site, else as provisioned.

    SettingsFault if there is none.
    """
    from firmware.settings import read

    text = Twin(folder + "/wifi").read()
    found = json.loads(text) if text else read(folder + "/wifi.json")
    if type(found) is not dict or "ssid" not in found or "password" not in found:
        raise SettingsFault("wifi.json: ssid or password")
    return found


def _rescue(board: Esp32Board, asked: bool) -> None:
    from firmware.rescue import stay  # only now: the heap is small

    asyncio.run(stay(board, asked))


if __name__ == "__main__":
    main()
