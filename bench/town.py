"""The synthetic town that the ledger's benches load: members, bins, and their deposits.

Deposits are what the uplink hands to the poster after it has judged them, with signed bytes of
the real shape and size. They are made before a clock starts.
"""

import hashlib
import time
from base64 import urlsafe_b64encode
from collections.abc import Sequence

from sqlalchemy import Engine

from backend import db, migrations
from backend.ledger import accounts
from backend.ledger.transfers import Credit, Entry, RecordKey, credit_for

LEDGER = 1
BINS = 200
RATE = 25  # minor units a kilogram
_EPOCH = 0xB0B0_0000_0000_0000
_SIGNATURE = b"." + b"A" * 43  # what HMAC-SHA256 takes in base64url
_BODY = (
    '{{"after_g":{after},"at_s":{at},"before_g":10000,"boot":1,"cal":3,"card":"u.AAAAAAAAAAAAAAAA'
    'AAAAAA","clock":"synced","e_g":20,"epoch":"{epoch:016x}","flags":[],"fraction":"organic",'
    '"fw":"ffffffffffffffff","kind":"deposit","n":30,"net_g":{net},"p2p_g":4,'
    '"prev":"1111111111111111","seq":{seq},"temp_c10":215,"up_ms":{up},"v":1}}'
)


def now_us() -> int:
    return time.time_ns() // 1000


def found(engine: Engine, members: int) -> list[int]:
    """Bring the tables up to date and open the books; return the members' account ids."""
    migrations.upgrade_engine(engine)
    with db.begin(engine) as conn:
        accounts.open_ledger(conn, LEDGER, now_us() - 1_000_000)
        return [
            accounts.open_account(conn, LEDGER, accounts.CREDIT, f"person:{number}")
            for number in range(members)
        ]


def deposits(members: Sequence[int], first: int, count: int) -> list[Entry]:
    """The town's deposits number `first` and on: each bin's in the order of its journal."""
    return [_deposit(members, number) for number in range(first, first + count)]


def _deposit(members: Sequence[int], number: int) -> Entry:
    # Records of one bin come together, as a gateway relays them.
    turn, place = divmod(number, BINS * 8)
    bin_, seq = place // 8, turn * 8 + place % 8
    at_s, net_g = 1_790_000_000 + seq, 100 + number % 4_900
    body = _BODY.format(
        after=10_000 + net_g, at=at_s, epoch=_EPOCH + bin_, net=net_g, seq=seq, up=1000 * seq
    )
    header = b'{"alg":"HS256","kid":"bin-%03d.1","typ":"record"}' % bin_
    signed = _b64(header) + b"." + _b64(body.encode())
    return Entry(
        key=RecordKey(1 + bin_, _EPOCH + bin_, seq, hashlib.sha256(signed).digest()),
        kind="deposit",
        jws=signed + _SIGNATURE,
        received_s=at_s + 2,
        effective_s=at_s,
        wanted=Credit(members[number * 7919 % len(members)], credit_for(net_g, RATE)),
        point_id=1 + bin_,
        fraction="organic",
        net_g=net_g,
        grade="standard",
        tariff_id=1,
        amount_per_kg=RATE,
        card_ref=f"{number % len(members):064x}",
    )


def _b64(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")
