"""Permissible errors of a class III instrument as data, after OIML R 76-1. Pure.

The table is that of the décret 91-330, annex I, which uses OIML's terms. Tests are shaped after it;
no instrument here was ever verified, and none claims the class.
"""

# Up to so many scale intervals e: the permissible error in halves of e, at verification.
CLASS_III = ((500, 1), (2000, 2), (10000, 3))
IN_SERVICE = 2  # times the error at verification


def permissible_mg(load_mg: int, e_g: int, in_service: bool = False) -> int:
    """Return the largest error in milligrams, either way, that a load may be shown with."""
    within = [halves for most, halves in CLASS_III if abs(load_mg) <= 1000 * most * e_g]
    halves = within[0] if within else CLASS_III[-1][1]
    return 500 * halves * e_g * (IN_SERVICE if in_service else 1)
