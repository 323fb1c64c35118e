"""What the real board runs at power-up: `import firmware.main`. Settings lie in /settings.json."""

import asyncio
import json

from firmware.app import App
from firmware.boards.esp32 import Esp32Board
from firmware.supervisor import LastWords, reason
from firmware.tuning import Tuning

WIFI = "/wifi.json"


def board() -> Esp32Board:
    with open(WIFI) as file:
        return Esp32Board(json.load(file))


def app(on: Esp32Board) -> App:
    return App(on, Tuning(on.folder))


def main() -> None:
    made = board()
    try:
        asyncio.run(app(made).run())
    except KeyboardInterrupt:
        made.lid_lock(0)
        return  # a technician's cable: the prompt is theirs
    except Exception as error:
        LastWords(made.folder).write(reason(error))
    made.restart()


if __name__ == "__main__":
    main()
