"""A scale's range and permissible errors as data, after OIML R 76-1, class III. Pure.

The tables are those of the décret 91-330, annex I, which uses OIML's terms. Tests are shaped after
them; no instrument here was ever verified, and none claims the class.
"""

from collections import namedtuple

# e: verification interval. d: what is recorded and shown. All in grams.
Range = namedtuple("Range", "e_g d_g min_g max_g")
RECORDED_G = 1  # d of every record and of the display

# Up to so many scale intervals e: the permissible error in halves of e, at verification.
CLASS_III = ((500, 1), (2000, 2), (10000, 3))
IN_SERVICE = 2  # times the error at verification
SMALL_E_G = 2  # up to this e ...
FEWEST_SMALL, FEWEST, MOST = 100, 500, 10000  # ... intervals in Max at least; from 5 g on; at most
MIN_E = 20  # Min in e


def permissible_mg(load_mg: int, e_g: int, in_service: bool = False) -> int:
    """Return the largest error in milligrams, either way, that a load may be shown with."""
    within = [halves for most, halves in CLASS_III if abs(load_mg) <= 1000 * most * e_g]
    halves = within[0] if within else CLASS_III[-1][1]
    return 500 * halves * e_g * (IN_SERVICE if in_service else 1)


def unlike_class_iii(scale: Range) -> list:
    """Return in words in what a scale's range differs from one of class III; [] if in nothing."""
    intervals = scale.max_g // scale.e_g
    fewest = FEWEST_SMALL if scale.e_g <= SMALL_E_G else FEWEST
    leading = str(scale.e_g).rstrip("0")
    found = (
        ("e is not 1, 2 or 5 times a power of ten", leading not in ("1", "2", "5")),
        ("Max has fewer than " + str(fewest) + " e", intervals < fewest),
        ("Max has more than " + str(MOST) + " e", intervals > MOST),
        ("Min is below " + str(MIN_E) + " e", scale.min_g < MIN_E * scale.e_g),
        ("d is finer than e", scale.d_g < scale.e_g),
    )
    return [words for words, is_so in found if is_so]
