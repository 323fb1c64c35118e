"""The contract on CPython, judged by the vectors, by joserfc and by random bodies."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OctKey

from firmware import contract
from tests.contract.run_vectors import failures

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
VECTORS = json.loads((HERE / "vectors.json").read_text())

ascii_text = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters='"\\'), max_size=20
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | ascii_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ascii_text, inner, max_size=4),
    max_leaves=12,
)


def test_every_vector_is_judged_alike_on_cpython() -> None:
    judged, wrong = failures(VECTORS)

    assert wrong == []
    assert judged > 80


def test_every_vector_is_judged_alike_on_micropython() -> None:
    micropython = shutil.which("micropython", path=f"{Path(sys.executable).parent}:{os.defpath}")
    assert micropython, "MicroPython is missing; `make setup` installs it"
    run = subprocess.run(
        [micropython, str(HERE / "run_vectors.py"), str(HERE / "vectors.json")],
        env={"MICROPYPATH": f"{ROOT}:.frozen"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert "judged" in run.stdout


def test_the_vectors_are_what_their_maker_writes(tmp_path: Path) -> None:
    maker = tmp_path / "make_vectors.py"
    shutil.copy(HERE / "make_vectors.py", maker)
    subprocess.run([sys.executable, str(maker)], check=True, timeout=60)

    assert json.loads((tmp_path / "vectors.json").read_text()) == VECTORS


def test_a_jose_library_reads_what_the_contract_signs() -> None:
    key = contract.derive(bytes(32), contract.UP)
    text = contract.sign(key, "bin-1", 3, "state", {"state": "online", "session": 1})

    opened = jws.deserialize_compact(text, OctKey.import_key(key), algorithms=["HS256"])

    assert opened.headers() == {"alg": "HS256", "kid": "bin-1.3", "typ": "farz.state"}
    assert json.loads(opened.payload) == {"state": "online", "session": 1}


@given(json_values)
def test_canonical_text_reads_back_and_is_the_librarys(value: object) -> None:
    text = contract.canonical(value)

    assert contract.parse_json(text.encode()) == value
    assert text == json.dumps(value, sort_keys=True, separators=(",", ":"))


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_in_the_contracts_own_error(raw: bytes) -> None:
    for action in (contract.parse_json, lambda r: contract.split(r, "record"), contract.read_got):
        try:
            action(raw)
        except contract.ContractError as e:
            assert e.reason in contract.WORDS


@given(st.binary(max_size=80))
def test_base64url_has_one_spelling(raw: bytes) -> None:
    text = contract.b64(raw)

    assert contract.unb64(text) == raw
    for other in (text + "=", text + "\n", " " + text):
        with pytest.raises(contract.ContractError):
            contract.unb64(other)


@given(st.binary(min_size=4, max_size=15), st.integers(0, 2**40), st.integers(0, 2**40))
def test_two_records_of_one_card_have_unlike_tokens(uid: bytes, seq: int, other: int) -> None:
    key = contract.derive(bytes(32), contract.CARD)
    token = contract.card_token(key, "00" * 8, seq, uid)

    assert contract.open_card_token(key, "00" * 8, seq, token) == uid
    assert seq == other or token != contract.card_token(key, "00" * 8, other, uid)


def encrypt(key: bytes, iv: bytes, padded: bytes) -> bytes:
    cipher = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return cipher.update(padded) + cipher.finalize()


def decrypt(key: bytes, iv: bytes, sealed: bytes) -> bytes:
    cipher = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    return cipher.update(sealed) + cipher.finalize()


def test_a_sealed_body_is_read_by_its_key_alone() -> None:
    body = {"net_g": 3550, "credit": 888, "balance": 12000, "why": ""}
    sealed = contract.seal(bytes(16), bytes(range(16)), body, encrypt)

    assert contract.unseal(bytes(16), sealed, decrypt) == body
    with pytest.raises(contract.ContractError):
        contract.unseal(bytes([1]) * 16, sealed, decrypt)


def test_a_full_settled_receipt_fits_the_envelope() -> None:
    body = {"net_g": 60000, "credit": 10**9, "balance": 10**12, "why": "budget_spent"}
    sealed = contract.seal(bytes(16), bytes(16), body, encrypt)
    row = ["f" * 16, 2**31, "f" * 16, "quarantined", sealed]

    text = contract.sign(
        bytes(32), "b" * 32, 999, "receipt", {"out": [row] * contract.ROWS_PER_RECEIPT}
    )

    assert len(text) <= contract.MAX_JWS


def test_a_recorded_receipt_reads_back() -> None:
    rows = [["0" * 16, 4, "f" * 16], ["0" * 16, 5, "e" * 16]]

    assert contract.read_got(contract.got(rows)) == rows
    with pytest.raises(contract.ContractError):
        contract.read_got(b'{"got":[[1,2,3]]}')


def test_an_attestation_names_gateway_and_rows() -> None:
    row = ("bin-1", "0" * 16, 1, "f" * 16, 1790000000)

    one = contract.attestation_input("gw-1", [row])

    assert one != contract.attestation_input("gw-2", [row])
    assert one != contract.attestation_input("gw-1", [row, row])
