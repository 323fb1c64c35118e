"""The tables that lie in their nouns' own folders, gathered for the one metadata of a town."""

from backend.access.tables import counter as counter
from backend.budgets import tables as budgets
from backend.cards import tables as cards
from backend.collecting import tables as collecting
from backend.compost import tables as compost
from backend.counters import tables as counters
from backend.deposits import tables as deposits
from backend.devices import tables as devices
from backend.fees import tables as fees
from backend.figures import tables as figures
from backend.grading import tables as grading
from backend.kinds import tables as kinds
from backend.merchants import tables as merchants
from backend.paper import tables as paper
from backend.people import tables as people
from backend.privacy import tables as privacy
from backend.proofs import tables as proofs
from backend.recovery import tables as recovery
from backend.reports import tables as reports
from backend.settlements import tables as settlements
from backend.towns import tables as towns

DEVICES = (devices.authority, devices.certificate, devices.key_end)
# What was decided or measured once stays as it was written.
APPEND_ONLY = (
    *budgets.APPEND_ONLY,
    *cards.APPEND_ONLY,
    *collecting.APPEND_ONLY,
    *compost.APPEND_ONLY,
    *counters.APPEND_ONLY,
    *deposits.APPEND_ONLY,
    *fees.APPEND_ONLY,
    *figures.APPEND_ONLY,
    *grading.APPEND_ONLY,
    *kinds.APPEND_ONLY,
    *merchants.APPEND_ONLY,
    *paper.APPEND_ONLY,
    *people.APPEND_ONLY,
    *privacy.APPEND_ONLY,
    *proofs.APPEND_ONLY,
    *recovery.APPEND_ONLY,
    *reports.APPEND_ONLY,
    *towns.APPEND_ONLY,
    *settlements.APPEND_ONLY,
)
