"""What the command line refuses, in a person's words.

FarzError
├── PartFailed      a process of the demo did not start, or died
└── NotInstalled    something is missing; the words name the command that mends it
"""

import errno
import sqlite3

# What a person reads instead of a number of the system's, and what to do.
_WORDS = {
    errno.ENOENT: "There is no {path}. Look at how it is spelt, and where you are.",
    errno.EEXIST: "{path} is there already. Choose another name, or take it away.",
    errno.ENOTDIR: "{path} is a file or in one, where a folder is needed. Choose another name.",
    errno.EISDIR: "{path} is a folder, and a file is needed. Name the file in it.",
    errno.EACCES: "This user may not read or write {path}. Run it as whoever owns that.",
    errno.EPERM: "This user may not do that to {path}. Run it as whoever owns that.",
    errno.EROFS: "{path} is on a disk that is not written to. Choose another place.",
    errno.ENOSPC: "The disk is full, {path} was not written whole. Make room: farz doctor",
    errno.ENOTEMPTY: "{path} is a folder with something in it. Choose another name.",
    errno.EADDRINUSE: "Something listens at that port already. Choose another: --port",
    errno.ECONNREFUSED: "Nobody listens there. Is the other side started?",
}


def in_words(error: OSError) -> str:
    """What the system refused, for a person; in its own words where there are none of ours."""
    words = _WORDS.get(error.errno or 0)
    path = error.filename if error.filename is not None else "what was named"
    return words.format(path=path) if words else (error.strerror or str(error))


def of_database(error: Exception) -> str:
    """What a database refused, for a person; empty for what no database has said.

    SQLAlchemy's errors are told by their name alone: a gateway's machine has no sqlalchemy.
    """
    cause = getattr(error, "orig", error)
    if getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return "The disk is full, and this was not done. Make room, and do it again: farz doctor"
    if isinstance(error, sqlite3.Error):
        return str(error)
    if type(error).__module__ == "sqlalchemy.exc" and "OperationalError" in type(error).__name__:
        return f"The database does not answer. Is FARZ_DATABASE_URL right? It says: {error}"
    return ""


class FarzError(Exception):
    """Base of the room: printed as it is, exit code 1."""


class PartFailed(FarzError):
    pass


class NotInstalled(FarzError):
    pass
