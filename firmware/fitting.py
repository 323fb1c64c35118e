"""What not every bin has, or has to do: loaded where it is wanted, for the heap is small."""


def power(board, settings):
    """Return the battery's and panel's eye, or None."""
    if settings.battery is None:
        return None
    from firmware.power import Power

    return Power(board.battery, board.solar, **settings.battery)


def fill(board, settings):
    """Return the eye for how full the bin is, or None."""
    if settings.fill is None:
        return None
    from firmware.fill import Fill, Ultrasonic

    sensor = Ultrasonic(board.fill_trigger, board.fill_echo, board.pulse_us)
    return Fill(sensor, board.temp_c10, **settings.fill)


def reader(board, name: str):
    """Return the driver of the reader that is wired."""
    if name == "pn532":
        from firmware.reader.pn532 import PN532 as Reader
    else:
        from firmware.reader.mfrc522 import MFRC522 as Reader
    return Reader(board.spi, board.reader_cs, board.reader_rst)


def is_update_due(folder: str) -> bool:
    """Tell whether an update is on trial, or one failed that nobody was told of."""
    from firmware.slots import Slots

    slots = Slots(folder)
    return slots.trial is not None or slots.failed is not None


def let_technicians_in() -> None:
    """Add the rules of the technician's mode to those of a visit."""
    from firmware import station, technician

    station.RULES.update(technician.RULES)


def staff(board, settings):
    """Return what judges the cards of technicians, or None: most bins have no service card yet."""
    if not settings.service:
        return None
    from firmware.cipher import decrypt, encrypt
    from firmware.reader.staff import FILE, Staff
    from firmware.twin import Twin

    let_technicians_in()
    seen = Twin(board.folder + FILE)
    return Staff(settings.device, settings.service, seen, decrypt, encrypt).judge
