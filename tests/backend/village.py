"""A synthetic town for tests: a backend with a hand-turned clock, a gateway, a bin, two people.

The bin and the gateway here are small doubles that speak the real contract.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Connection

from backend.access import service as access
from backend.app import build_app
from backend.cards import service as cards
from backend.compost import service as compost
from backend.devices import service as devices
from backend.opening import build_services, close_services
from backend.people import service as people
from backend.services import Services
from backend.settings import Settings
from backend.tariffs import service as tariffs
from backend.towns import service as towns
from firmware import contract

START_S = 1_790_000_000
RATES = {"organic": 25, "plastic": 40}
PASSWORD, PIN, GATEWAY = "correct horse", "2468", "gateway-1"
AMAL, BASSAM, STRANGER = b"\x04\x01\x02\x03\x04\x05\x06", b"\x04\x0a\x0b\x0c", b"\x04\xff\xee\xdd"
# Login: role. Those of the second table sign up when a test asks for them: hashing takes its time.
ROLES = {
    "officer": "municipal_officer",
    "clerk": "counter_clerk",
    "technician": "field_technician",
    "auditor": "auditor",
    "administrator": "administrator",
}
MORE_ROLES = {
    "manager": "cooperative_manager",
    "collector": "collector",
    "approver": "approver",
}


class Clock:
    """Time that stands until somebody turns it."""

    def __init__(self, now_s: int = START_S) -> None:
        self.now_s = now_s

    def __call__(self) -> int:
        return self.now_s * 1_000_000


@dataclass
class Bin:
    """A device that signs what it is told to, truly or not."""

    device: str
    key: bytes
    number: int = 1
    epoch: str = "f0000000000000a1"  # above 2**63, where databases have no plain integer
    seq: int = 0
    boot: int = 1
    up_ms: int = 1_000_000
    base_s: int = START_S

    def next(self, kind: str = "deposit", **changes: Any) -> dict[str, Any]:
        """Write the next record's body; changes replace or add fields."""
        if self.seq == 0 and kind != "open":
            self.next("open")
        body: dict[str, Any] = {
            "v": 1,
            "kind": kind,
            "epoch": self.epoch,
            "seq": self.seq,
            "boot": self.boot,
            "prev": "0" * 16 if self.seq == 0 else "1" * 16,
            "at_s": self.base_s + self.seq,
            "clock": "synced",
            "up_ms": self.up_ms + 1000 * self.seq,
            "cal": 3,
            "fw": "f" * 16,
            "flags": [],
        }
        uid = changes.pop("uid", AMAL)
        if kind in ("deposit", "interrupted"):
            body |= {"card": self.token(uid), "fraction": "organic", "before_g": 10_000}
        if kind == "deposit":
            body |= {
                "after_g": 12_000,
                "net_g": 2_000,
                "e_g": 20,
                "p2p_g": 4,
                "n": 30,
                "temp_c10": 215,
            }
        if kind == "open":
            body |= {"old_epoch": None, "old_seq": None, "old_prev": None}
        self.seq += 1
        return body | changes

    def token(self, uid: bytes) -> str:
        key = contract.derive(self.key, contract.CARD)
        return str(contract.card_token(key, self.epoch, self.seq, uid))

    def sign(self, body: dict[str, Any], channel: str = "record") -> str:
        key = contract.derive(self.key, contract.UP)
        return str(contract.sign(key, self.device, self.number, channel, body))

    def deposit(self, **changes: Any) -> str:
        return self.sign(self.next(**changes))

    def birth(self, session: int = 1) -> str:
        body = {
            "v": 1,
            "epoch": self.epoch,
            "next_seq": self.seq,
            "oldest_seq": 0,
            "session": session,
            "boot": self.boot,
            "fw": "f" * 16,
            "cal": 3,
            "e_g": 20,
            "min_g": 100,
            "max_g": 60_000,
            "fractions": ["organic"],
            "at_s": self.base_s,
            "clock": "synced",
        }
        return self.sign(body, "birth")

    def result(self, order_id: str, ok: bool, words: str = "") -> str:
        return self.sign({"v": 1, "id": order_id, "ok": ok, "words": words}, "result")

    def ask(self, uid: bytes, nonce: str = "ab" * 16, ttl_s: int = 30) -> str:
        key = contract.derive(self.key, contract.CARD)
        token = contract.card_token(key, nonce, 0, uid)
        body = {"v": 1, "nonce": nonce, "card": token, "session": 1, "ttl_s": ttl_s}
        return self.sign(body, "ask")

    def open(self, channel: str, jws: str) -> dict[str, Any]:
        """Read what came down, as the device does."""
        parts = contract.split(jws, channel)
        assert parts.device == self.device
        contract.verify(parts, contract.derive(self.key, contract.DOWN))
        body: dict[str, Any] = contract.read(parts)
        return body

    def unseal(self, text: str) -> dict[str, Any]:
        key = contract.derive(self.key, contract.ANSWER)[:16]
        shown: dict[str, Any] = contract.unseal(key, text, _decrypt)
        return shown


@dataclass
class Gateway:
    """A relay with a key of its own, which attests what it passes on."""

    client: TestClient
    name: str
    key: str
    attests: Ed25519PrivateKey
    clock: Clock

    def batch(self, *sent: tuple[str, str], received_s: int | None = None) -> dict[str, Any]:
        """Attest (device, jws) records as the contract says."""
        at_s = self.clock.now_s if received_s is None else received_s
        records = [{"device": d, "received_s": at_s, "jws": jws} for d, jws in sent]
        rows = [row for d, jws in sent if (row := _row(d, jws, at_s)) is not None]
        statement = contract.attestation_input(self.name, rows)
        return {"attestation": contract.b64(self.attests.sign(statement)), "records": records}

    def post(self, body: dict[str, Any]) -> Any:
        return self.client.post(
            "/v1/uplink", json=body, headers={"Authorization": f"Bearer {self.key}"}
        )

    def relay(self, *sent: tuple[str, str], received_s: int | None = None) -> dict[str, Any]:
        answer = self.post(self.batch(*sent, received_s=received_s))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def message(self, device: str, channel: str, jws: str) -> dict[str, Any]:
        message = {
            "device": device,
            "channel": channel,
            "received_s": self.clock.now_s,
            "jws": jws,
        }
        answer = self.post({"messages": [message]})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@dataclass
class Town:
    """Everything a test needs: `services` for calls from within, `client` for calls over HTTP."""

    services: Services
    client: TestClient
    clock: Clock
    gateway: Gateway
    bin: Bin
    amal: people.Person
    bassam: people.Person
    numbers: dict[str, str]
    product: compost.Product
    staff: dict[str, access.Who] = field(default_factory=dict)

    def browser(self, role: str) -> TestClient:
        """A client of its own that is signed in: a role of staff, or amal, or bassam."""
        client = TestClient(self.client.app)
        if role in self.numbers:
            body = {"number": self.numbers[role], "pin": PIN}
            answer = client.post("/v1/sessions/resident", json=body)
        else:
            if role not in self.staff:
                with self.services.begin() as conn:
                    self.staff[role] = _hire(conn, role, MORE_ROLES[role])
            body = {"login": role, "password": PASSWORD}
            answer = client.post("/v1/sessions/staff", json=body)
        assert answer.status_code == 200, answer.text
        return client

    def balance(self, person: people.Person) -> int:
        with self.services.read() as conn:
            return people.balance(conn, 1, person.id).posted

    def stock(self) -> int:
        with self.services.read() as conn:
            at_s = self.clock.now_s
            return compost.product(conn, 1, self.product.id, at_s=at_s).stock_g

    def outcome(self, jws: str, received_s: int | None = None) -> tuple[str, str]:
        """Relay one record of the bin; return its outcome and reason."""
        result = self.gateway.relay((self.bin.device, jws), received_s=received_s)["results"][0]
        return result["outcome"], result["reason"]

    def health(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get("/v1/health").json()
        return found

    def add_bin(self, name: str, **given: Any) -> Bin:
        """Provision another bin."""
        with self.services.begin() as conn:
            made = devices.provision(
                conn, self.services.vault, 1, name, from_s=START_S - 1000, **given
            )
        return Bin(name, made.key)


@dataclass(frozen=True)
class Founded:
    """Who and what is in the rows of a furnished town, and the keys that no row has."""

    bin_key: bytes
    gateway_key: str
    attests: Ed25519PrivateKey
    amal: people.Person
    bassam: people.Person
    numbers: dict[str, str]
    product: compost.Product
    staff: dict[str, access.Who]


Build = Callable[[], FastAPI]
# To make the routes ready takes longer than to found a town.
_idle: defaultdict[Build, list[FastAPI]] = defaultdict(list)


@contextmanager
def town(
    tmp_path: Path,
    url: str,
    founded: Founded | None = None,
    build: Build = build_app,
    **more: Any,
) -> Iterator[Town]:
    """A town that has been founded, with its server running; `more` are further settings.

    `founded` is what `found` returned, if books and folder are copies of what it made.
    `build` makes the application, which is kept for the next town.
    """
    clock = Clock()
    services = _opened(tmp_path, url, clock, **more)
    founded = founded or _furnish(services)
    app = _idle[build].pop() if _idle[build] else build()
    app.state.services = services
    with TestClient(app) as client:
        yield _alive(founded, services, client, clock)
    _idle[build].append(app)


def found(folder: Path, url: str) -> Founded:
    """Found a town and close it again: books and folder to copy from."""
    services = _opened(folder, url, Clock())
    made = _furnish(services)
    close_services(services)
    return made


def _opened(folder: Path, url: str, clock: Clock, **more: Any) -> Services:
    settings = Settings(data_dir=folder, database_url=url, **more)
    settings.create_secret()
    return build_services(settings, clock)


def new_gateway(
    services: Services, client: TestClient, clock: Clock, name: str, ledger_id: int = 1
) -> Gateway:
    key, attests = _new_keys(services, name, ledger_id)
    return Gateway(client, name, key, attests, clock)


def _new_keys(services: Services, name: str, ledger_id: int) -> tuple[str, Ed25519PrivateKey]:
    private = Ed25519PrivateKey.generate()
    with services.begin() as conn:
        made = access.create_gateway(
            conn,
            ledger_id,
            name=name,
            public_key=private.public_key().public_bytes_raw(),
            now_s=services.now_s(),
        )
    return made.key, private


def _furnish(services: Services) -> Founded:
    since_s, vault = START_S - 1000, services.vault
    with services.begin() as conn:
        towns.found(conn, 1, "Test town (synthetic)", now_s=since_s)
        point = towns.add_point(conn, 1, "School", now_s=since_s)
        made = devices.provision(conn, vault, 1, "bin-1", point_id=point.id, from_s=since_s)
        amal = people.enrol(conn, 1, "Amal (synthetic)", now_s=since_s)
        bassam = people.enrol(conn, 1, "Bassam (synthetic)", now_s=since_s)

        def issue(person: people.Person, uid: bytes) -> str:
            return cards.issue(
                conn,
                vault,
                1,
                person_id=person.id,
                uid=uid,
                pin=PIN,
                decided_by="staff:0",
                from_s=since_s,
            ).number

        numbers = {"amal": issue(amal, AMAL), "bassam": issue(bassam, BASSAM)}
        staff = {login: _hire(conn, login, role) for login, role in ROLES.items()}
        tariff = tariffs.draft(conn, 1, RATES, from_s=since_s, drafted_by="staff:0", now_s=since_s)
        for role in ("officer", "administrator"):
            tariffs.approve(conn, 1, tariff.id, staff_id=staff[role].id, now_s=since_s)
        product = compost.create_product(conn, 1, "Compost", now_s=since_s)
        compost.set_price(conn, 1, product.id, 30, decided_by="staff:1", from_s=since_s)
    gateway_key, attests = _new_keys(services, GATEWAY, 1)
    return Founded(made.key, gateway_key, attests, amal, bassam, numbers, product, staff)


def _alive(founded: Founded, services: Services, client: TestClient, clock: Clock) -> Town:
    return Town(
        services,
        client,
        clock,
        Gateway(client, GATEWAY, founded.gateway_key, founded.attests, clock),
        Bin("bin-1", founded.bin_key),
        founded.amal,
        founded.bassam,
        dict(founded.numbers),
        founded.product,
        dict(founded.staff),
    )


def _hire(conn: Connection, login: str, role: str) -> access.Who:
    return access.create_staff(
        conn, 1, login=login, name=login, role=role, password=PASSWORD, now_s=START_S - 1000
    )


def _row(device: str, jws: str, at_s: int) -> tuple[str, str, int, str, int] | None:
    try:
        parts = contract.split(jws, "record")
        body = contract.parse_json(parts.payload)
        return device, body["epoch"], body["seq"], contract.hash8(parts.hash), at_s
    except contract.ContractError:
        return None


def _decrypt(key: bytes, iv: bytes, sealed: bytes) -> bytes:
    decryptor = Cipher(algorithms.AES128(key), modes.CBC(iv)).decryptor()
    return decryptor.update(sealed) + decryptor.finalize()
