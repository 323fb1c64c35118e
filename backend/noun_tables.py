"""The tables that lie in their nouns' own folders, gathered for the one metadata of a town."""

from backend.access.tables import counter as counter
from backend.budgets import tables as budgets
from backend.cards import tables as cards
from backend.devices import tables as devices
from backend.figures import tables as figures
from backend.people import tables as people
from backend.privacy import tables as privacy
from backend.proofs import tables as proofs
from backend.recovery import tables as recovery
from backend.towns import tables as towns

DEVICES = (devices.authority, devices.certificate, devices.key_end)
# What was decided or measured once stays as it was written.
APPEND_ONLY = (
    *budgets.APPEND_ONLY,
    *cards.APPEND_ONLY,
    *figures.APPEND_ONLY,
    *people.APPEND_ONLY,
    *privacy.APPEND_ONLY,
    *proofs.APPEND_ONLY,
    *recovery.APPEND_ONLY,
    *towns.APPEND_ONLY,
)
