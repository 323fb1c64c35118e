"""What a running backend does without being asked: each chore in its own time, none for ever.

Chores go through the poster's queue or take short transactions of their own. One that fails is
logged and comes round again; it stops nobody else.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy import select

from backend.alerts import service as alerts
from backend.budgets import avoided, coverage
from backend.compost import orders
from backend.deposits import resolving
from backend.devices import gaps, trust
from backend.figures import service as figures
from backend.kinds import melting
from backend.ledger import repeats, totals
from backend.ledger import tables as t
from backend.ledger.holds import DUE, ExpireHolds
from backend.ledger.resolve import PayClaims
from backend.privacy import restores, retention
from backend.proofs import service as proofs
from backend.recovery import service as recovery
from backend.reports import sums
from backend.services import Services
from backend.telemetry import HOUR_S

logger = logging.getLogger(__name__)

_TICK_S = 1.0


class Chore(NamedTuple):
    """`do` is called about every `every_s` seconds; some only while a town recovers, others
    only while it does not: then its books are not complete, and no decision may rest on them.
    """

    name: str
    every_s: float
    do: Callable[[Services], None]
    recovering: bool = False


def end_holds(services: Services) -> None:
    """Holds whose time has run out are ended as their terms say."""
    row = t.hold_open.c
    due = select(row.transfer_id).where(
        row.ledger_id == services.ledger_id, row.expires_s <= services.now_s()
    )
    with services.read() as conn:
        if conn.scalar(due.limit(1)) is None:
            return
    while services.poster.submit(ExpireHolds()).result() == DUE:
        pass


def pay_claims(services: Services) -> None:
    """Claims are paid when a new period has brought a budget for them."""
    row = t.claim_open.c
    with services.read() as conn:
        waits = select(row.seq).where(row.ledger_id == services.ledger_id).limit(1)
        if conn.scalar(waits) is None:
            return
    while services.poster.submit(PayClaims()).result():
        pass


def pay_provisional(services: Services) -> None:
    """What was held until now, and nobody has decided, is credited."""
    if paid := resolving.pay_provisional(services):
        logger.info("%d provisional credits were paid.", paid)


def melt_credit(services: Services) -> None:
    """Credit that expired or carries demurrage goes back to its issuer, a batch a transaction."""
    taken = sum(batch.amount for batch in melting.melt_due(services))
    if taken:
        logger.info("Credit of %d minor units melted by rule.", taken)


def forget_keys(services: Services) -> None:
    """Idempotency keys are forgotten after their time, a page a transaction."""
    place = repeats.START
    while True:
        with services.begin() as conn:
            _, place = repeats.forget(conn, services.ledger_id, place)
        if place == repeats.START:
            return


def sign_log(services: Services) -> None:
    """What was booked since the last checkpoint is signed."""
    proofs.sign(services)


def renew_certificates(services: Services) -> None:
    """Devices whose certificates run out soon are sent new ones."""
    with services.begin() as conn:
        sent = trust.renew(conn, services.vault, services.ledger_id, services.now_s())
    if sent:
        logger.info("Certificates were renewed for %d devices.", len(sent))


def sum_days(services: Services) -> None:
    """What was booked since is added to the sums of its days, a page a transaction."""
    moved = totals.PAGE
    while moved == totals.PAGE:
        with services.begin() as conn:
            moved = totals.roll(conn, services.ledger_id)


def sum_savings(services: Services) -> None:
    """What was sorted since is added to what sorting saved, a page a transaction."""
    more = True
    while more:
        with services.begin() as conn:
            more = avoided.roll(conn, services.ledger_id)


def sum_figures(services: Services) -> None:
    """What was recorded since is added to the sums of its days, a page a transaction."""
    more = True
    while more:
        with services.begin() as conn:
            more = sums.roll(conn, services.ledger_id)
    with services.begin() as conn:
        sums.roll_quarantined(conn, services.ledger_id)


def look_for_gaps(services: Services) -> None:
    """What the journals brought is noted, so that the next look at their gaps is short."""
    more = 1
    while more:
        with services.begin() as conn:
            more = gaps.keep_all(conn, services.ledger_id)


def keep_coverage(services: Services) -> None:
    """What covers the credit is computed once a day, and kept."""
    coverage.keep_today(services)


def ask_bins(services: Services) -> None:
    """What a restored town's books miss is asked of the bins."""
    recovery.ask_bins(services)


def watch_devices(services: Services) -> None:
    """Devices that fell silent get an alert, which ends once they are heard again."""
    alerts.watch(services)


def fold_telemetry(services: Services) -> None:
    """The full hours of the last two days become one sample each; what came late is in it."""
    until_s = services.now_s() // HOUR_S * HOUR_S
    services.telemetry.store.fold(until_s - 48 * HOUR_S, until_s)


def publish_figures(services: Services) -> None:
    """A month that is over is published, once."""
    figures.publish_due(services)


def keep_erasures(services: Services) -> None:
    """Who was erased stays erased, also after a restore."""
    for words in restores.keep_up(services):
        logger.warning("Erasing again waits: %s", words)


def seal_deposits(services: Services) -> None:
    """The signed bytes of deposits that are settled go under their persons' keys."""
    retention.seal(services)


def apply_retention(services: Services) -> None:
    """What is past its time is dropped, purpose by purpose."""
    retention.apply(services)


CHORES = (
    Chore("ask bins", 10, ask_bins, recovering=True),
    Chore("end holds", 5, end_holds),
    Chore("allot stock", 60, orders.allot_all),
    Chore("sign log", 60, sign_log),
    Chore("pay claims", 60, pay_claims),
    Chore("pay provisional", 600, pay_provisional),
    Chore("melt credit", 60, melt_credit),
    Chore("sum days", 300, sum_days),
    Chore("sum savings", 300, sum_savings),
    Chore("sum figures", 300, sum_figures),
    Chore("keep coverage", 600, keep_coverage),
    Chore("watch devices", 60, watch_devices),
    Chore("fold telemetry", 3_600, fold_telemetry),
    Chore("publish figures", 3_600, publish_figures),
    Chore("keep erasures", 300, keep_erasures),
    Chore("seal deposits", 3_600, seal_deposits),
    Chore("apply retention", 3_600, apply_retention),
    Chore("look for gaps", 3_600, look_for_gaps),
    Chore("forget keys", 86_400, forget_keys),
    Chore("renew certificates", 86_400, renew_certificates),
)


class Housekeeping:
    """A thread that goes through the chores. `clock_s` only ever moves forward."""

    def __init__(
        self,
        services: Services,
        chores: Sequence[Chore] = CHORES,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._services = services
        self._clock_s = clock_s
        self._due = [(clock_s() + chore.every_s, chore) for chore in chores]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Waits for the chore in hand and ends."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(_TICK_S):
            self.turn()

    def turn(self) -> None:
        """Does what is due now."""
        for place, (due_s, chore) in enumerate(self._due):
            if self._over.is_set() or due_s > self._clock_s():
                continue
            self._due[place] = (self._clock_s() + chore.every_s, chore)
            try:
                if chore.recovering != (self._services.recovery.now() is not None):
                    continue
                chore.do(self._services)
            except Exception:
                logger.exception("The chore %r failed and will come round again.", chore.name)
