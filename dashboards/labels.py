"""What the machine's words mean to a person: fractions, outcomes, reasons, states, movements."""

from collections.abc import Mapping

from dashboards.errors import N_
from dashboards.languages import Language

FRACTIONS = {
    "organic": N_("Organic waste"),
    "paper_cardboard": N_("Paper and cardboard"),
    "plastic": N_("Plastic"),
    "metal": N_("Metal"),
    "glass": N_("Glass"),
    "textile": N_("Textiles"),
    "residual": N_("Residual waste"),
}
OUTCOMES = {
    "credited": N_("Credited"),
    "held": N_("Held"),
    "suspended": N_("Without an owner"),
    "queued": N_("Waits for budget"),
    "refused": N_("Not credited"),
    "noted": N_("Noted"),
}
REASONS = {
    "overload": N_("The scale was overloaded."),
    "below_min": N_("The weight was below what this scale can weigh."),
    "unstable": N_("The scale did not come to rest."),
    "uncalibrated": N_("The scale's calibration had ended or did not pass."),
    "lid_forced": N_("The lid was opened by force."),
    "interrupted": N_("The visit was interrupted before it was weighed to the end."),
    "no_gain": N_("Nothing was added to the bin."),
    "future_date": N_("The bin's clock was ahead of time."),
    "new_epoch": N_("The bin has a new memory, which a technician confirms first."),
    "over_max": N_("More than this scale can weigh."),
    "no_tariff": N_("No tariff was in force for this kind of waste."),
    "unknown_card": N_("Nobody held this card at that moment."),
    "blocked_card": N_("The card was blocked at that moment."),
    "card_replayed": N_("The card said this already with another deposit."),
    "card_not_genuine": N_("The card did not prove that it is one of the town's."),
    "over_daily_cap": N_("More in one day than a plain card is trusted with."),
    "no_budget": N_("The budget of this period is used up. It is paid in order when funds come."),
    "epoch_confirmed": N_("A technician confirmed the bin's new memory."),
    "card_issued": N_("It was brought with this card before it was issued."),
}
BASES = {
    "device": N_("the bin's clock"),
    "rebuilt": N_("rebuilt from another record of the bin"),
    "received": N_("when it was received"),
}
STATES = {
    "online": N_("Online"),
    "sleeping": N_("Sleeping"),
    "lost": N_("Connection lost"),
    "never": N_("Never seen"),
    "silent": N_("Silent"),
}
MOVEMENTS = {
    "mint": N_("Waste brought"),
    "claim_suspense": N_("Waste brought, found later"),
    "release": N_("Released"),
    "correct": N_("Correction"),
    "redeem": N_("Redeemed"),
    "pay": N_("Payment"),
    "sale": N_("Redeemed on paper"),
    "issue": N_("Issued"),
    "retire": N_("Given back"),
    "expire": N_("Expired: not spent in time"),
    "demurrage": N_("Holding charge of a month"),
}
# Names that a town gives its own things, where many towns give the same ones.
TIERS = {
    "secure": N_("Secure card"),
    "plain": N_("Plain card: its number can be copied, so what it brings in a day is capped"),
}
GRADES = {"standard": N_("Standard grade")}
PRODUCTS = {"Compost": N_("Compost")}
KINDS: Mapping[str, Mapping[str, str]] = {
    "fraction": FRACTIONS,
    "outcome": OUTCOMES,
    "reason": REASONS,
    "basis": BASES,
    "state": STATES,
    "product": PRODUCTS,
    "grade": GRADES,
    "tier": TIERS,
    "movement": MOVEMENTS,
}


def label(language: Language, kind: str, word: str) -> str:
    """Return a word of the machine's in a person's language; one that is not known as it is."""
    return language.say(KINDS[kind].get(word, word))
