"""What can go wrong on the bin, in one tree.

FirmwareError
├── FlashFault     the flash did not keep what was written
├── JournalFull    every sector holds records that nobody has settled yet
│   └── JournalBusy  a visit is open: nothing else may take its number
├── SettingsFault  settings that would make a bin weigh or sign wrongly
├── PictureFault   a word whose picture is not on the flash
├── CalibrationRefused  a record of calibration that may not be put in force; the old one stays
├── UpdateRefused  a bundle that may not be tried; the firmware in force stays
├── ReaderFault    the card reader's chip does not answer as its data sheet says
│   ├── ReaderDead it is not there, also after a reset
│   ├── CardGone   a card was taken away while it was read
│   └── TwoCards   more than one card in the field
├── OrderRefused   a command that is not obeyed; str() tells the backend why
└── LinkFault      the broker refused, went silent or closed
"""


class FirmwareError(Exception):
    pass


class FlashFault(FirmwareError):
    pass


class JournalFull(FirmwareError):
    pass


class JournalBusy(JournalFull):
    pass


class SettingsFault(FirmwareError):
    pass


class OrderRefused(FirmwareError):
    pass


class PictureFault(FirmwareError):
    pass


class CalibrationRefused(FirmwareError):
    pass


class UpdateRefused(FirmwareError):
    pass


class ReaderFault(FirmwareError):
    pass


class ReaderDead(ReaderFault):
    pass


class CardGone(ReaderFault):
    pass


class TwoCards(ReaderFault):
    pass


class LinkFault(FirmwareError):
    """`word` is what the display says of it, if it is more than a network that is away."""

    def __init__(self, why: str, word: str = "") -> None:
        super().__init__(why)
        self.word = word
