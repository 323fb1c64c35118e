"""TLS between a bin under real MicroPython and a real Mosquitto: who is let in, and who is told."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.devices import certificates
from backend.devices.certificates import Authority, Identity
from farz.broker import Broker
from farz.processes import await_until
from firmware.journal import read_image
from tests.firmware.test_simulated_bin import assert_weighed, assert_whole, visits
from tests.firmware.town import Town
from tests.fixtures.micropython import KEY, Bin

DAY_S = 86_400
GAVE_UP, RESTART = 3, 5
LIMIT_S = 60.0
MakeBin = Callable[..., Bin]


@pytest.fixture
def town(tls_mosquitto: Broker, authority: Authority, tmp_path: Path) -> Iterator[Town]:
    gateway = certificates.identity(authority, "gateway", now_s())
    (tmp_path / "ca.crt").write_text(certificates.pem(gateway.authority_der))
    (tmp_path / "gateway.crt").write_text(certificates.pem(gateway.certificate_der))
    (tmp_path / "gateway.key").write_text(certificates.pem(gateway.key_der, "EC PRIVATE KEY"))
    made = Town(tls_mosquitto.port, KEY, papers=tmp_path)
    yield made
    made.close()


def now_s() -> int:
    return int(time.time())


def why(bin_: Bin) -> list[str]:
    return [row["why"] for row in bin_.lines("link") if "why" in row]


def turned_away(bin_: Bin, broker: Broker, papers: Identity, host: str = "localhost") -> list[str]:
    """Run a bin of one visit that finds no way in; return the words of its display."""
    settings = {**papers.settings(), "host": host}
    bin_.set_up(broker.port, visits(500), papers=settings, give_up_s=2, patience_s=1)

    assert bin_.run() == GAVE_UP, bin_.console()

    assert {state for _, _, state in read_image(bin_.image())} == {"unsettled"}
    return bin_.shown()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_bin_with_its_certificate_is_let_in_under_its_own_name(
    make_bin: MakeBin,
    tls_mosquitto: Broker,
    authority: Authority,
    town: Town,
    host: str,
    shipped: Path,
) -> None:
    bin_ = make_bin()
    papers = {**certificates.identity(authority, "bin-01", now_s()).settings(), "host": host}
    bin_.set_up(tls_mosquitto.port, visits(500, 600), papers=papers)

    bin_.shrink(shipped)

    assert bin_.run() == 0, bin_.console()

    assert_weighed(town, [500, 600])
    assert_whole(bin_, town)
    log = (tls_mosquitto.directory / "broker.log").read_text()
    assert "error" not in log.lower().replace("log_type error", "")


def test_broker_of_another_authority_is_not_believed(
    make_bin: MakeBin, tls_mosquitto: Broker, authority: Authority
) -> None:
    stranger = certificates.found("Somebody else", now_s())
    mine = certificates.identity(authority, "bin-01", now_s())
    bin_ = make_bin()

    shown = turned_away(bin_, tls_mosquitto, Identity(stranger.der, *mine_of(mine)))

    assert "broker_unknown" in shown
    assert any("not correctly signed by the trusted CA" in each for each in why(bin_))


def mine_of(identity: Identity) -> tuple[bytes, bytes]:
    return identity.certificate_der, identity.key_der


def test_broker_under_another_name_is_not_believed(
    make_bin: MakeBin, tmp_path: Path, authority: Authority
) -> None:
    elsewhere = certificates.broker_identity(authority, ["broker.example"], now_s())
    nobody = certificates.revocation_list(authority, [], now_s())
    with Broker(
        tmp_path / "elsewhere", {}, kind="mosquitto", tls=elsewhere, revoked=nobody
    ) as broker:
        bin_ = make_bin()
        papers = certificates.identity(authority, "bin-01", now_s())

        shown = turned_away(bin_, broker, papers)

    assert "broker_unknown" in shown
    assert any("does not match" in each for each in why(bin_))


def test_broker_whose_certificate_has_run_out_is_not_believed(
    make_bin: MakeBin, tmp_path: Path, authority: Authority
) -> None:
    old = certificates.broker_identity(authority, ["localhost"], now_s() - 900 * DAY_S)
    nobody = certificates.revocation_list(authority, [], now_s())
    with Broker(tmp_path / "old", {}, kind="mosquitto", tls=old, revoked=nobody) as broker:
        bin_ = make_bin()

        shown = turned_away(bin_, broker, certificates.identity(authority, "bin-01", now_s()))

    assert "broker_unknown" in shown
    assert any("expired" in each for each in why(bin_))


@pytest.mark.parametrize("fault", ["expired", "revoked", "of another authority"])
def test_bin_whose_certificate_is_no_good_is_turned_away_and_says_so(
    make_bin: MakeBin, tls_mosquitto: Broker, authority: Authority, town: Town, fault: str
) -> None:
    issued_s = now_s() - (900 * DAY_S if fault == "expired" else 0)
    issuer = authority
    if fault == "of another authority":
        issuer = certificates.found("Somebody else", now_s())
    papers = certificates.identity(issuer, "bin-01", issued_s)
    if fault == "revoked":
        serial = certificates.read(papers.certificate_der).serial_number
        tls_mosquitto.revoke(certificates.revocation_list(authority, [(serial, now_s())], now_s()))
    bin_ = make_bin()

    shown = turned_away(bin_, tls_mosquitto, Identity(authority.der, *mine_of(papers)))

    assert "broker_refuses" in shown
    assert "saved" in shown
    assert not town.births
    alarms = [body["what"] for body, _, _ in read_image(bin_.image()) if body["kind"] == "alarm"]
    assert alarms == ["broker_refuses"]


def test_certificate_of_another_device_opens_no_topic_of_this_one(
    make_bin: MakeBin, tls_mosquitto: Broker, authority: Authority, town: Town
) -> None:
    bin_ = make_bin()

    shown = turned_away(bin_, tls_mosquitto, certificates.identity(authority, "bin-02", now_s()))

    assert "link_denied" in shown
    assert any("0x87" in each for each in why(bin_))
    assert not town.births
    assert not town.records


def test_bin_refuses_papers_that_nobody_can_read(make_bin: MakeBin, authority: Authority) -> None:
    papers = certificates.identity(authority, "bin-01", now_s()).settings()
    bin_ = make_bin()
    bin_.set_up(1, visits(500), papers={**papers, "certificate": "00"})

    assert bin_.run() not in (0, GAVE_UP)
    assert "SettingsFault" in bin_.console()


def test_renewed_certificate_comes_as_a_setting_and_is_kept(
    make_bin: MakeBin, tls_mosquitto: Broker, authority: Authority, town: Town
) -> None:
    mine = certificates.identity(authority, "bin-01", now_s())
    public_key = certificates.public_key(certificates.read(mine.certificate_der))
    renewed = certificates.der(
        certificates.issue_device(authority, "bin-01", public_key, now_s(), 900)
    )
    bin_ = make_bin()
    bin_.set_up(tls_mosquitto.port, [], papers=mine.settings(), until="stopped")
    bin_.start()
    await_until(lambda: bool(town.births), LIMIT_S, "a birth")

    town.tune("bin-01", 4, certificate=renewed.hex())

    assert bin_.wait() == RESTART, bin_.console()
    bin_.start()
    await_until(lambda: ("4", True, "in force") in town.results, LIMIT_S, "the result")


def test_certificate_of_another_key_is_rolled_back(
    make_bin: MakeBin, tls_mosquitto: Broker, authority: Authority, town: Town
) -> None:
    mine = certificates.identity(authority, "bin-01", now_s())
    other = certificates.identity(authority, "bin-01", now_s())
    bin_ = make_bin()
    bin_.set_up(tls_mosquitto.port, [], papers=mine.settings(), until="stopped", speed=15)
    bin_.start()
    await_until(lambda: bool(town.births), LIMIT_S, "a birth")

    town.tune("bin-01", 4, certificate=other.certificate_der.hex())

    await_until(lambda: bool(town.results), 3 * LIMIT_S, "the result")
    assert town.results[0][:2] == ("4", False)
    assert bin_.running


SILENT = """
import asyncio
from firmware import session
from firmware.errors import LinkFault
from firmware.trust import Papers

session.REPLY_MS = 500


async def main():
    papers = Papers(*[bytes.fromhex(part) for part in ({ca!r}, {certificate!r}, {private_key!r})])
    will = ("t", b"lost")
    try:
        await session.connect(("127.0.0.1", {port}), papers, print, ("bin-01", None, None), will)
    except LinkFault as fault:
        print(str(fault) + "|" + fault.word)


asyncio.run(asyncio.wait_for(main(), 30))
"""


def test_broker_that_takes_the_call_and_says_nothing_is_given_up(
    authority: Authority, tmp_path: Path, run_micropython: Callable
) -> None:
    papers = certificates.identity(authority, "bin-01", now_s()).settings()
    script = tmp_path / "silent.py"
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        script.write_text(SILENT.format(port=deaf.getsockname()[1], **papers))

        done = run_micropython(script)

    assert done.stdout == "no answer from the broker|\n", done.stderr
