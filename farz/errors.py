"""What the command line refuses, in a person's words.

FarzError
├── PartFailed      a process of the demo did not start, or died
└── NotInstalled    something is missing; the words name the command that mends it
"""


class FarzError(Exception):
    """Base of the room: printed as it is, exit code 1."""


class PartFailed(FarzError):
    pass


class NotInstalled(FarzError):
    pass
