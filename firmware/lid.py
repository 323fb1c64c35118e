"""The lid: an electric lock that is locked without power, and a switch that closes when shut."""


class Lid:
    def __init__(self, lock, switch) -> None:
        self._lock = lock
        self._switch = switch
        self.lock()

    def unlock(self) -> None:
        self._lock(1)

    def lock(self) -> None:
        self._lock(0)

    def is_open(self) -> bool:
        return bool(self._switch())
