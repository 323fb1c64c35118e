"""What the real board runs at power-up: `import firmware.main`. Settings lie in /settings.json."""

import asyncio
import json

from firmware.app import App
from firmware.boards.esp32 import Esp32Board
from firmware.errors import SettingsFault
from firmware.passing import tidy
from firmware.supervisor import LastWords, reason
from firmware.tuning import Tuning
from firmware.twin import Twin


def board() -> Esp32Board:
    """Return the board with its network chosen, which may be told only in safe mode."""
    made = Esp32Board()
    if not made.rescue():
        made.join(wifi(made.folder))
    return made


def app(on: Esp32Board) -> App:
    return App(on, Tuning(on.folder))


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
        return  # a technician's cable: the prompt is theirs
    except Exception as error:
        LastWords(made.folder).write(reason(error))
    made.restart()


def wifi(folder: str) -> dict:
    """Return the network in force, {"ssid", "password"}: as set on site, else as provisioned."""
    text = Twin(folder + "/wifi").read()
    if text:
        return json.loads(text)
    with open(folder + "/wifi.json") as file:
        return json.load(file)


def _rescue(board: Esp32Board, asked: bool) -> None:
    from firmware.rescue import stay  # only now: the heap is small

    asyncio.run(stay(board, asked))


if __name__ == "__main__":
    main()
