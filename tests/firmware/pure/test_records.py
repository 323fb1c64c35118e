"""Stored records come back as the contract wants them."""

from firmware import cbor, contract, records

COMMON = {"boot": 3, "at_s": 1795000000, "clock": "synced", "up_ms": 99, "cal": 2, "flags": []}
COMMON["temp_c10"] = 214
CARD = "u.AAAAAAAAAAAAAAAAAAAAAA"
DONE = {"what": "zero", "by": "technician", "readings": [1, -2, 3]}
OWN = {
    "open": {"old_epoch": None, "old_seq": None, "old_prev": None},
    "deposit": {
        "card": CARD,
        "fraction": "organic",
        "before_g": -12,
        "after_g": 500,
        "e_g": 10,
        "p2p_g": 4,
        "n": 8,
    },
    "interrupted": {"card": CARD, "fraction": "glass", "before_g": 7},
    "emptied": {"who": "service", "before_g": 9000, "after_g": 3, "container": "c-1"},
    "calibration": DONE,
    "tare": DONE,
    "key": DONE,
    "tamper": DONE,
    "alarm": DONE,
}


def stored(kind):
    first = kind == "open"
    name = {"epoch": "0123456789abcdef", "seq": 0 if first else 5, "fw": "00" * 8}
    name["prev"] = "0" * 16 if first else "fedcba9876543210"
    body = dict(COMMON)
    body.update(OWN[kind])
    return records.unpack(records.CODES[kind], records.pack(kind, body), name)


def test_every_kind_of_the_contract_can_be_stored():
    assert sorted(records.CODES) == sorted(contract.KINDS)
    for kind in contract.KINDS:
        body = stored(kind)
        contract.check_record(body)
        for field in OWN[kind]:
            assert body[field] == OWN[kind][field]
        assert body["temp_c10"] == 214


def test_record_written_before_there_was_a_thermometer_is_read_as_it_was():
    body = dict(COMMON)
    body.update(OWN["tare"])
    names = (records.LAYOUTS[21][1]).split()
    name = {"epoch": "0123456789abcdef", "seq": 5, "fw": "00" * 8, "prev": "fedcba9876543210"}

    read = records.unpack(21, cbor.dumps([body[field] for field in names]), name)

    contract.check_record(read)
    assert "temp_c10" not in read
    assert read["readings"] == [1, -2, 3]
    found = [records.is_record(code) for code in (21, records.CODES["tare"], 2, 2 | records.WARM)]
    assert found == [True, True, False, False]


def test_deposit_is_small_and_its_net_weight_is_worked_out():
    body = dict(COMMON)
    body.update(OWN["deposit"])

    assert len(records.pack("deposit", body)) < 75
    assert stored("deposit")["net_g"] == 512


def test_words_have_the_places_that_journals_in_the_field_know():
    assert records.WORDS["clock"] == ("synced", "holdover", "unset")
    known = "overload below_min unstable uncalibrated lid_forced low_battery journal_near_full"
    assert records.WORDS["flags"] == tuple(known.split())
    known = "organic paper_cardboard plastic metal glass textile residual"
    assert records.WORDS["fraction"] == records.WORDS["container"] == tuple(known.split())
    assert set(records.WORDS["fraction"]) == set(contract.FRACTIONS)


def test_words_written_out_are_read_as_well():
    body = dict(COMMON, flags=["unstable", "a flag of tomorrow"])
    body.update(OWN["deposit"])
    names = records.LAYOUTS[17][1].split()
    long = cbor.dumps([body[name] for name in names])

    for code, raw in ((17, long), (17 | records.SHORT, records.pack("deposit", body))):
        found = records.unpack(code, raw, {})
        assert {name: found[name] for name in names} == {name: body[name] for name in names}
    visit = cbor.dumps([body[name] for name in records.LAYOUTS[18][1].split()])
    assert records.visit(2, visit) == records.pack("interrupted", dict(body, temp_c10=None))
