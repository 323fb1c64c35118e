"""What the real board runs at power-up: `import firmware.main`. Settings lie in /settings.json."""

import asyncio
import json

from firmware.app import App
from firmware.boards.esp32 import Esp32Board
from firmware.supervisor import LastWords, reason
from firmware.tuning import Tuning

WIFI = "/wifi.json"


def main() -> None:
    with open(WIFI) as file:
        board = Esp32Board(json.load(file))
    try:
        asyncio.run(App(board, Tuning(board.folder)).run())
    except Exception as error:
        LastWords(board.folder).write(reason(error))
    finally:
        board.restart()


if __name__ == "__main__":
    main()
