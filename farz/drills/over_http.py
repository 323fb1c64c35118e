"""A run of `kill` against the whole backend: a gateway relays signed deposits, a clerk redeems.

Both speak HTTP to a real `farz serve` that is killed and started again, and repeat what was not
answered: the same batch, the same Idempotency-Key.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, select

from backend import db
from backend import tables as programme
from backend.ledger import balances
from backend.ledger import tables as t
from backend.ledger.transfers import Credit
from backend.ledger.verify import verify
from backend.opening import build_services, close_services
from backend.settings import Settings
from edge_gateway import attest
from farz.demo import say
from farz.drills.judging import Verdict
from farz.drills.load import signed
from farz.errors import PartFailed
from farz.founding import Founded, found
from farz.processes import Part, free_port, python
from farz.stage import fetch
from farz.village import TARIFF_PER_KG, Bin, Village, build
from firmware import contract

EPOCH = "f0000000000000a1"  # above 2**63, where databases have no plain integer
ENDOWMENT = 20_000
HOUR_S = 3600
PATIENCE_S, RETRY_S = 60.0, 0.05


class Backend:
    """A founded village and its `farz serve`. `people` has the account of each by their card."""

    def __init__(self, url: str, folder: Path, seed: int) -> None:
        self.village: Village = build(seed, 1, 4)
        self.attests = Ed25519PrivateKey.generate()
        settings = Settings(data_dir=folder / "town", database_url=url)
        settings.create_secret()
        services = build_services(settings)
        services.poster.start()
        public = self.attests.public_key().public_bytes_raw()
        self.founded: Founded = found(services, self.village, public, int(time.time()) - HOUR_S)
        person = programme.person.c
        with services.read() as conn:
            rows = conn.execute(select(person.id, person.account_id, person.name)).all()
        named = {row.name: row for row in rows}
        self.people = {each.uid: named[each.name] for each in self.village.people}
        for seq, row in enumerate(rows):
            services.poster.submit(signed(99, seq, Credit(row.account_id, ENDOWMENT))).result(30)
        close_services(services)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        env = {"FARZ_DATA_DIR": str(settings.data_dir), "FARZ_DATABASE_URL": url}
        self.part = Part("backend", python("-m", "farz", "serve", "--port", str(port)),
                         folder / "log", env)  # fmt: skip

    def start(self) -> None:
        self.part.start()
        self.part.await_ready(lambda: bool(fetch(f"{self.url}/v1/health")))


class Caller(threading.Thread):
    """Somebody who asks, and asks again, until told to stop."""

    def __init__(self, backend: Backend, over: Callable[[], bool]) -> None:
        super().__init__(daemon=True)
        self.backend = backend
        self.asked = 0
        self.resent = 0
        self.failed: Exception | None = None
        self._over = over

    def run(self) -> None:
        try:
            while not self._over():
                with httpx.Client(base_url=self.backend.url, timeout=10) as client:
                    self.work(client)
        except Exception as error:
            self.failed = error

    def work(self, client: httpx.Client) -> None:
        """One thing, asked until it is answered."""
        raise NotImplementedError

    def post(self, client: httpx.Client, path: str, body: Any, headers: dict[str, str]) -> Any:
        """POST until the answer is final. Raises PartFailed for a refusal nobody expects."""
        deadline_s = time.monotonic() + PATIENCE_S
        self.asked += 1
        while time.monotonic() < deadline_s:
            try:
                answer = client.post(path, json=body, headers=headers)
            except httpx.TransportError as error:
                self.resent += not isinstance(error, httpx.ConnectError)
                time.sleep(RETRY_S)
                continue
            if answer.status_code < 300:
                return answer.json()
            if answer.status_code not in (409, 500, 503):
                raise PartFailed(f"{path} answered {answer.status_code}: {answer.text[:300]}")
            self.resent += 1
            time.sleep(RETRY_S)
        raise PartFailed(f"{path} had no answer in {PATIENCE_S:.0f} s")


class Relay(Caller):
    """The gateway with one bin: batches of new records and of some that were sent before."""

    def __init__(self, backend: Backend, over: Callable[[], bool], seed: int) -> None:
        super().__init__(backend, over)
        self.dice = random.Random(f"farz relay {seed}")
        self.bin: Bin = backend.village.bins[0]
        self.sent: list[tuple[int, bytes, int, str]] = []
        self.outcomes: dict[int, set[str]] = {}
        self._seqs = count()

    def work(self, client: httpx.Client) -> None:
        fresh = [self._record(next(self._seqs)) for _ in range(5)]
        self.sent += fresh
        batch = [*fresh, *self.dice.sample(self.sent, 2)]
        headers = {"Authorization": f"Bearer {self.backend.founded.gateway_key}"}
        answer = self.post(client, "/v1/uplink", self._uplink([each[3] for each in batch]), headers)
        for (seq, *_), result in zip(batch, answer["results"], strict=True):
            self.outcomes.setdefault(seq, set()).add(result["outcome"])

    def _record(self, seq: int) -> tuple[int, bytes, int, str]:
        """(seq, card, grams, signed bytes); the first of a journal opens it."""
        person, grams = self.dice.choice(self.backend.village.people), self.dice.randint(200, 9000)
        body: dict[str, Any] = {
            "v": 1, "kind": "deposit", "epoch": EPOCH, "seq": seq, "boot": 1,
            "prev": ("1" if seq else "0") * 16, "at_s": int(time.time()), "clock": "synced",
            "up_ms": 1_000_000 + 1000 * seq, "cal": 1, "fw": "f" * 16, "flags": [],
        }  # fmt: skip
        if seq == 0:
            body |= {"kind": "open", "old_epoch": None, "old_seq": None, "old_prev": None}
        else:
            card = contract.derive(self.bin.key, contract.CARD)
            body |= {
                "card": contract.card_token(card, EPOCH, seq, person.uid),
                "fraction": self.bin.fraction, "before_g": 10_000, "after_g": 10_000 + grams,
                "net_g": grams, "e_g": 20, "p2p_g": 4, "n": 30, "temp_c10": 215,
            }  # fmt: skip
        key = contract.derive(self.bin.key, contract.UP)
        return seq, person.uid, grams, str(contract.sign(key, self.bin.device, 1, "record", body))

    def _uplink(self, jwss: list[str]) -> dict[str, Any]:
        now_s, rows = int(time.time()), []
        for jws in jwss:
            parts = contract.split(jws, "record")
            seq = contract.parse_json(parts.payload)["seq"]
            rows.append((self.bin.device, EPOCH, seq, contract.hash8(parts.hash), now_s))
        records = [{"device": self.bin.device, "received_s": now_s, "jws": jws} for jws in jwss]
        return {"attestation": attest.sign(self.backend.attests, "gateway", rows),
                "records": records}  # fmt: skip


class Clerk(Caller):
    """Redeems compost, each time under a new key, signed in until the server forgets it."""

    def __init__(self, backend: Backend, over: Callable[[], bool], seed: int) -> None:
        super().__init__(backend, over)
        self.dice = random.Random(f"farz clerk {seed}")
        self.receipts: dict[str, Any] = {}
        self._keys = count()
        self._cookies: httpx.Cookies | None = None

    def work(self, client: httpx.Client) -> None:
        if self._cookies is None:
            password = self.backend.founded.passwords["clerk"]
            self.post(client, "/v1/sessions/staff", {"login": "clerk", "password": password}, {})
            self._cookies = client.cookies
        client.cookies = self._cookies
        person_id = self.dice.choice(list(self.backend.people.values())).id
        body = {"product_id": self.backend.founded.product_id, "person_id": person_id,
                "grams": self.dice.randint(10, 400)}  # fmt: skip
        key = {"Idempotency-Key": f'"drill-{next(self._keys)}"'}
        made = self.post(client, "/v1/redemptions", body, key)
        self.receipts[key["Idempotency-Key"]] = made


def judge(url: str, relay: Relay, clerk: Clerk) -> Verdict:
    """The two logs against the books."""
    engine = db.create_engine(url)
    with db.read(engine) as conn:
        verdict = _judge(conn, relay, clerk)
    engine.dispose()
    return verdict


def _judge(conn: Connection, relay: Relay, clerk: Clerk) -> Verdict:
    record, redemption = t.record.c, programme.redemption.c
    own = select(record.seq, record.outcome).where(record.epoch == int(EPOCH, 16))
    booked = {row.seq: row.outcome for row in conn.execute(own)}
    lost = [seq for seq, told in relay.outcomes.items() if told != {booked.get(seq)}]
    unknown = booked.keys() - relay.outcomes.keys()
    expected = Counter({row.account_id: ENDOWMENT for row in relay.backend.people.values()})
    for seq, uid, grams, _ in relay.sent:
        if booked.get(seq) == "credited":
            rate = TARIFF_PER_KG[relay.bin.fraction]
            expected[relay.backend.people[uid].account_id] += (grams * rate + 500) // 1000
    accounts = {row.id: row.account_id for row in relay.backend.people.values()}
    for made in clerk.receipts.values():
        expected[accounts[made["person_id"]]] -= made["amount"]
    rows = conn.execute(select(redemption.group_id)).all()
    receipts = {made["receipt"] for made in clerk.receipts.values()}
    report = verify(conn, 1)
    held = balances.balances(conn, 1, expected)
    wrong = [a for a in expected if held[a].posted != expected[a]]
    for words in (*report.problems, *(f"record {seq} is not as told" for seq in lost)):
        say(str(words))
    for account in wrong:
        say(f"account {account}: {held[account].posted}, not {expected[account]}")
    return Verdict(
        len(lost) + max(0, len(receipts) - len(rows)),
        len(unknown) + max(0, len(rows) - len(receipts)) + len(clerk.receipts) - len(receipts),
        report.ok and not wrong,
    )
