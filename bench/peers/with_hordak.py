"""django-hordak books events on a PostgreSQL server: run in an environment of its own.

`python with_hordak.py URL EVENTS BATCH HOW` makes the tables the first time, books EVENTS events in
transactions of BATCH, and prints {"seconds", "events", "balances_fit"}. HOW is `bulk`
(Transaction and Leg through `bulk_create`: fastest, the triggers still check each leg) or `api`
(`Account.transfer_to`, as its documentation books).
"""

import json
import sys
import time
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import django
from django.conf import settings

MEMBERS = 1_000


def configure(url: str) -> None:
    parts = urlsplit(url)
    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "mptt", "hordak"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": parts.path.lstrip("/"),
                "USER": parts.username or "postgres",
                "PASSWORD": parts.password or "",
                "HOST": parse_qs(parts.query).get("host", [parts.hostname or ""])[0],
                "PORT": parts.port or "",
                "OPTIONS": {"options": "-c synchronous_commit=on"},
            }
        },
        USE_TZ=True,
        SECRET_KEY="not a secret: nothing is served",
        DEFAULT_CURRENCY="EUR",
        CURRENCIES=["EUR"],
    )
    django.setup()


def open_books() -> tuple[object, list[object]]:
    """The issuer and the members, made the first time."""
    from django.core.management import call_command
    from hordak.models import Account

    call_command("migrate", verbosity=0)
    if not Account.objects.exists():
        Account.objects.create(name="issuer", type="EQ", code="1", currencies=["EUR"])
        parent = Account.objects.create(name="members", type="LI", code="2", currencies=["EUR"])
        with Account.objects.disable_mptt_updates():
            Account.objects.bulk_create(
                Account(
                    name=f"member {n}", type="LI", parent=parent, currencies=["EUR"],
                    lft=0, rght=0, tree_id=parent.tree_id, level=1,
                )
                for n in range(MEMBERS)
            )  # fmt: skip
        Account.objects.rebuild()
    issuer = Account.objects.get(name="issuer")
    return issuer, list(Account.objects.filter(name__startswith="member "))


def book_in_bulk(issuer: object, members: list[object], first: int, last: int) -> None:
    from django.db import transaction
    from hordak.models import Leg, Transaction
    from moneyed import Money

    with transaction.atomic():
        made = Transaction.objects.bulk_create(
            [Transaction(description=f"deposit {n}") for n in range(first, last)]
        )
        legs = []
        for number, event in zip(range(first, last), made, strict=True):
            amount = Money(Decimal(amount_of(number)), "EUR")
            legs.append(Leg(transaction=event, account=issuer, debit=amount))
            member = members[number % len(members)]
            legs.append(Leg(transaction=event, account=member, credit=amount))
        Leg.objects.bulk_create(legs)


def book_by_api(issuer: object, members: list[object], first: int, last: int) -> None:
    from django.db import transaction
    from moneyed import Money

    with transaction.atomic():
        for number in range(first, last):
            amount = Money(Decimal(amount_of(number)), "EUR")
            # transfer_to credits the account that it is called on.
            members[number % len(members)].transfer_to(
                issuer, amount, description=f"deposit {number}"
            )


def amount_of(number: int) -> int:
    return 1 + number % 97


def main(url: str, events: int, batch: int, how: str) -> None:
    configure(url)
    issuer, members = open_books()
    from django.db import connection
    from django.db.models import Sum
    from hordak.models import Leg

    with connection.cursor() as cursor:
        for name in ("synchronous_commit", "fsync"):
            cursor.execute(f"SHOW {name}")
            assert cursor.fetchone()[0] == "on", name
    before = Leg.objects.count()
    book = {"bulk": book_in_bulk, "api": book_by_api}[how]
    start_s = time.perf_counter()
    for first in range(0, events, batch):
        book(issuer, members, first, min(first + batch, events))
    seconds = time.perf_counter() - start_s
    sums = Leg.objects.aggregate(Sum("debit"), Sum("credit"))
    fit = Leg.objects.count() - before == 2 * events and sums["debit__sum"] == sums["credit__sum"]
    print(json.dumps({"seconds": seconds, "events": events, "balances_fit": fit}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
