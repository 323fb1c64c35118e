"""Power-up of a bin without hardware: `micropython -m firmware.boards.simboot DIR`.

Chooses the firmware as the loader of a board does: an update in DIR/a or DIR/b, in force or on
trial, else the firmware beside this file. Whoever runs it starts it again when it ends with 5.
"""

import sys

from firmware.slots import due


def main(folder: str) -> None:
    sys.path.insert(0, "")  # where the firmware that is chosen takes its place
    due(folder, "firmware.boards.simulated")(folder)


if __name__ == "__main__":
    main(sys.argv[1])
