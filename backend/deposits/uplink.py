"""A gateway's batch, from its attestation to what goes back down.

`prepare` believes, stores and judges; the poster books; `answered` puts outcomes into words.
Nothing here decides twice: a replay of a batch is judged anew, and the books answer known
records with the outcome that they had.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from backend.access.service import Gateway
from backend.deposits import judging, keeping, receipts
from backend.deposits.envelope import Name, Signed, Unsigned, name_of, open_signed
from backend.deposits.receipts import Down, Settled
from backend.deposits.schemas import AgainOut, DownOut, ResultOut, UplinkIn, UplinkOut
from backend.errors import BadAttestation
from backend.ledger import balances
from backend.ledger.errors import LedgerError, NotNow
from backend.ledger.transfers import Credit, Entry, Outcome
from backend.services import Services
from firmware import contract

Answer = Outcome | BaseException


@dataclass(frozen=True, slots=True)
class Opened:
    """A batch after its envelopes were looked at, in the order it came in."""

    names: tuple[Name, ...]
    records: tuple[Signed | Unsigned, ...]
    messages: tuple[Signed | Unsigned, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    opened: Opened
    entries: tuple[Entry, ...]  # of the signed records, in order


def prepare(services: Services, gateway: Gateway, batch: UplinkIn) -> Prepared:
    """Check who vouches and who signed, keep what has to be kept, judge every record.

    Raises BadAttestation: then nothing of the batch was kept.
    """
    opened = _open(services, batch)
    statement, signature = _attested(services, gateway, batch, opened.names)
    attestation_id = keeping.keep(services, gateway, batch, opened, statement, signature)
    signed = [each for each in opened.records if isinstance(each, Signed)]
    with services.read() as conn:
        view = services.facts.view(conn)
        entries = judging.entries(services, conn, view, signed, attestation_id)
    return Prepared(opened, tuple(entries))


def answered(
    services: Services,
    gateway: Gateway,
    batch: UplinkIn,
    prepared: Prepared,
    answers: Sequence[Answer],
) -> UplinkOut:
    """Put the books' answers in the order of the batch, with the receipts they give rise to.

    Raises NotNow if the books could not take the batch: the gateway sends it again.
    """
    for error in answers:
        if isinstance(error, BaseException) and (
            isinstance(error, NotNow) or not isinstance(error, LedgerError)
        ):
            raise error
    by_record = iter(zip(prepared.entries, answers, strict=True))
    results: list[ResultOut] = []
    settled: list[tuple[Entry, Signed, Outcome]] = []
    rows = zip(batch.records, prepared.opened.names, prepared.opened.records, strict=True)
    for record, name, opened in rows:
        result = ("refused", opened.reason) if isinstance(opened, Unsigned) else None
        if isinstance(opened, Signed):
            entry, answer = next(by_record)
            result = _result(answer)
            if isinstance(answer, Outcome):
                settled.append((entry, opened, answer))
        assert result is not None
        services.answered.add(result[0])
        results.append(
            ResultOut(
                device=record.device,
                epoch=name.epoch,
                seq=name.seq,
                hash8=name.hash8,
                outcome=result[0],
                reason=result[1],
            )
        )
    down = [
        *receipts.settled(_settled(services, settled)),
        *judging.replies(services, prepared.opened.messages),
        *keeping.waiting(services, gateway),
    ]
    return UplinkOut(results=results, down=[_down(each) for each in down], again=_again(services))


def _open(services: Services, batch: UplinkIn) -> Opened:
    with services.read() as conn:
        find = services.facts.view(conn).device

        def opened(device: str, channel: str, jws: str, received_s: int) -> Signed | Unsigned:
            try:
                return open_signed(find, device, channel, jws, received_s)
            except Unsigned as reason:
                return reason

        return Opened(
            tuple(name_of(r.jws) for r in batch.records),
            tuple(opened(r.device, "record", r.jws, r.received_s) for r in batch.records),
            tuple(opened(m.device, m.channel, m.jws, m.received_s) for m in batch.messages),
        )


def _attested(
    services: Services, gateway: Gateway, batch: UplinkIn, names: Iterable[Name]
) -> tuple[bytes, bytes]:
    """Return what the gateway swore to and its signature. Raises BadAttestation.

    Bytes without a readable name have no row: nothing can be claimed of them.
    """
    rows = [
        (record.device, name.epoch, name.seq, name.hash8, record.received_s)
        for record, name in zip(batch.records, names, strict=True)
        if name.hash8 is not None
    ]
    if not batch.records:
        return b"", b""
    try:
        statement: bytes = contract.attestation_input(gateway.name, rows)
        signature: bytes = contract.unb64(batch.attestation)
        Ed25519PublicKey.from_public_bytes(gateway.public_key).verify(signature, statement)
    except (InvalidSignature, contract.ContractError):
        services.answered.add("bad_attestation")
        raise BadAttestation(
            f"The attestation is not that of gateway {gateway.name} for these records."
        ) from None
    return statement, signature


def _result(answer: Answer) -> tuple[str, str]:
    if isinstance(answer, Outcome):
        return answer.outcome, answer.reason
    assert isinstance(answer, LedgerError)
    return "refused", answer.code


def _settled(services: Services, rows: Sequence[tuple[Entry, Signed, Outcome]]) -> list[Settled]:
    accounts = {
        entry.wanted.account_id
        for entry, _signed, outcome in rows
        if isinstance(entry.wanted, Credit) and outcome.outcome in ("credited", "queued")
    }
    with services.read() as conn:
        now = balances.balances(conn, services.ledger_id, accounts) if accounts else {}
    made = []
    for entry, signed, outcome in rows:
        account_id = entry.wanted.account_id if isinstance(entry.wanted, Credit) else None
        shown = now.get(account_id) if account_id in accounts else None
        credit = outcome.amount if outcome.outcome == "credited" else 0
        balance = shown.available if shown else None
        net_g = entry.net_g or 0
        made.append(Settled(signed, outcome.outcome, net_g, credit, balance, outcome.reason))
    return made


def _again(services: Services) -> AgainOut | None:
    found = services.recovery.now()
    return AgainOut(id=found.id, since_s=found.since_s) if found else None


def _down(each: Down) -> DownOut:
    return DownOut(
        id=each.id,
        device=each.device,
        channel=each.channel,
        body=each.body,
        expires_s=each.expires_s,
    )
