"""The journal as a store: order, release, capacity, damage."""

from firmware import cbor, contract, records
from firmware.boards.simlife import WHO, common, token, unsettled
from firmware.boards.simram import RamFlash
from firmware.errors import FlashFault, JournalBusy, JournalFull, SettingsFault
from firmware.journal import Identity, Journal, read_image
from firmware.ring import START
from tests.firmware.raises import raises

SECTOR = 4096
epochs = []


def random(n):
    epochs.append(n)
    return bytes([len(epochs) % 256] * n)


def mounted(flash, who=WHO):
    return Journal(flash, who, random, common)


def deposit(journal, net_g=500):
    before_g = 1000 * journal.next_seq
    journal.open_visit(token, "paper_cardboard", before_g)
    fields = {"after_g": before_g + net_g, "e_g": 10, "p2p_g": 4, "n": 8, "temp_c10": -55}
    return journal.close_visit("deposit", fields)


def made(deposits, sectors=4):
    flash = RamFlash(sectors)
    journal = mounted(flash)
    for _ in range(deposits):
        deposit(journal)
    return flash, journal


def settle_all(journal):
    for record in unsettled(journal):
        assert journal.settle(record.epoch, record.seq, record.hash8)


def test_new_flash_opens_an_epoch_with_one_open_record():
    _, journal = made(0)

    (record,) = unsettled(journal)
    contract.check_record(record.body)
    assert record.body["kind"] == "open"
    assert record.body["old_epoch"] is None


def test_records_are_chained_by_hash_and_pass_the_contract():
    _, journal = made(40)
    prev = "0" * 16

    for number, record in enumerate(unsettled(journal)):
        contract.check_record(record.body)
        assert (record.seq, record.body["prev"]) == (number, prev)
        payload = contract.canonical(record.body).encode()
        signed = contract.signing_input(WHO.device, WHO.key_number, "record", payload)
        jws = contract.sign(bytes(32), WHO.device, WHO.key_number, "record", record.body)
        assert jws.encode().startswith(signed)
        prev = contract.hash8(contract.split(jws, "record").hash)
        assert prev == record.hash8


def test_two_thousand_deposits_fit_before_any_receipt():
    flash, journal = made(2000, sectors=128)

    assert journal.depth() == 2001
    deposit(journal)
    assert mounted(flash).depth() == 2002


def test_two_thousand_of_the_longest_deposits_fit():
    flags = list(contract.FLAGS)
    moment = {"at_s": 2**32 - 1, "clock": "holdover", "up_ms": 2**40, "cal": 70000, "flags": []}
    moment["temp_c10"] = -300
    journal = Journal(RamFlash(128), WHO, random, lambda: dict(moment))
    for _ in range(2000):
        journal.open_visit(lambda epoch, seq: contract.secure_token(bytes(24)), "residual", 70000)
        fields = {"after_g": 140000, "e_g": 500, "p2p_g": 9999, "n": 9999, "temp_c10": -300}
        fields["flags"] = flags
        journal.close_visit("deposit", fields)

    assert journal.depth() == 2001


def test_near_full_is_said_before_full():
    _, journal = made(0)
    said = 0
    try:
        while True:
            deposit(journal)
            said += journal.near_full()
    except JournalFull:
        assert said > 5


def test_wrong_hash_releases_nothing():
    _, journal = made(1)
    record = unsettled(journal)[1]

    assert not journal.settle(record.epoch, record.seq, "0" * 16)
    assert not journal.settle("0" * 16, record.seq, record.hash8)
    assert journal.settle(record.epoch, record.seq, record.hash8)
    assert not journal.settle(record.epoch, record.seq, record.hash8)
    assert journal.depth() == 1


def test_settled_stays_settled_and_the_ring_goes_round():
    flash, journal = made(0)
    for _ in range(120):
        deposit(journal)
        settle_all(journal)

    again = mounted(flash)
    assert again.depth() == 0
    assert again.next_seq == 121
    assert again.epoch == journal.epoch
    assert again.oldest_seq() == 121


def test_every_start_has_a_number_of_its_own():
    flash, journal = made(1)
    assert [journal.boot] + [mounted(flash).boot for _ in range(300)] == list(range(1, 302))


def test_cut_visit_becomes_interrupted_with_its_name_and_card():
    flash, journal = made(1)
    epoch, seq = journal.open_visit(token, "glass", 4711)

    last = unsettled(mounted(flash))[-1]

    assert (last.epoch, last.seq, last.body["kind"]) == (epoch, seq, "interrupted")
    assert (last.body["card"], last.body["before_g"]) == (token(epoch, seq), 4711)
    assert last.body["boot"] == 1
    contract.check_record(last.body)


def test_second_visit_waits_for_the_first_to_close():
    _, journal = made(1)
    name = journal.open_visit(token, "glass", 1)
    record = journal.close_visit("interrupted", {})

    assert (record.epoch, record.seq) == name
    assert journal.next_seq == record.seq + 1


def test_nothing_takes_the_number_of_an_open_visit():
    _, journal = made(1)
    name = journal.open_visit(token, "glass", 1)
    raises(JournalBusy, journal.append, "alarm", {"what": "x", "by": "bin", "readings": []})
    record = journal.close_visit("interrupted", {})
    assert (record.epoch, record.seq) == name
    assert journal.append("alarm", {"what": "x", "by": "bin", "readings": []}).seq == name[1] + 1


def test_image_tells_the_same_as_the_journal():
    flash, journal = made(30)
    for record in unsettled(journal)[:10]:
        journal.settle(record.epoch, record.seq, record.hash8)

    rows = read_image(bytes(flash.data))

    assert [row[2] for row in rows] == ["settled"] * 10 + ["unsettled"] * 21
    expected = [(record.body, record.hash8) for record in unsettled(journal)]
    assert [row[:2] for row in rows[10:]] == expected


def damaged(flash, at, sector=0):
    flash.data[sector * SECTOR + at] ^= 0x55
    return mounted(flash)


def assert_new_epoch(journal, old, last):
    opened = [record for record in unsettled(journal) if record.body["kind"] == "open"][-1]
    assert journal.epoch != old == opened.body["old_epoch"]
    assert (opened.body["old_seq"], opened.body["old_prev"]) == (last.seq, last.hash8)
    deposit(journal)


def test_damaged_record_in_the_middle_opens_a_new_epoch():
    flash, journal = made(30)
    old, last = journal.epoch, unsettled(journal)[-1]

    again = damaged(flash, START + 500)

    assert_new_epoch(again, old, last)
    assert [r.seq for r in unsettled(again) if r.epoch == old][-1] == last.seq


def test_damaged_last_record_opens_a_new_epoch_for_it_was_done():
    flash, journal = made(3)
    records = unsettled(journal)

    again = damaged(flash, records[-1].place[1] + 30)

    assert_new_epoch(again, journal.epoch, records[-2])


def test_lost_sector_opens_a_new_epoch():
    for sector in (1, 2):
        flash, journal = made(70)
        assert journal.unsettled_after((2, 0)) is not None
        old, records = journal.epoch, unsettled(journal)

        again = damaged(flash, 10, sector)

        kept = [record for record in records if record.place[0] != sector]
        assert_new_epoch(again, old, kept[-1])


def test_damage_is_named_once_and_not_at_every_start():
    flash, _ = made(30)
    again = damaged(flash, START + 500)

    assert mounted(flash).epoch == again.epoch


def test_damage_in_a_full_ring_waits_for_room_and_refuses_visits():
    flash, journal = made(0)
    try:
        while True:
            deposit(journal)
    except JournalFull:
        pass
    last = unsettled(journal)[-1]
    again = damaged(flash, START + 900, 2)

    raises(JournalFull, deposit, again)
    settle_all(again)
    assert_new_epoch(again, journal.epoch, last)


def test_flash_of_another_device_is_refused():
    flash, _ = made(1)
    raises(SettingsFault, mounted, flash, Identity("bin-02", 1, WHO.fw))


def test_new_key_number_or_program_starts_a_sector_of_its_own():
    flash, journal = made(1)
    again = mounted(flash, Identity(WHO.device, 2, "f" * 16))

    record = deposit(again)

    assert (record.place[0], record.key_number) == (1, 2)
    assert record.body["fw"] == "f" * 16
    assert [r.key_number for r in unsettled(again)] == [1, 1, 2]
    assert again.epoch == journal.epoch


def test_visit_opened_by_an_older_firmware_becomes_interrupted_too():
    flash, journal = made(1)
    epoch, seq = journal.open_visit(token, "glass", 4711)
    written = [journal.boot, 1795000000, "synced", 99, 1, [], token(epoch, seq), "glass", 4711]
    journal._write(2, seq, bytes(8), cbor.dumps(written))

    last = unsettled(mounted(flash))[-1]

    assert (last.epoch, last.seq, last.body["kind"]) == (epoch, seq, "interrupted")
    assert (last.body["card"], last.body["up_ms"]) == (token(epoch, seq), 99)
    contract.check_record(last.body)


def test_record_of_a_newer_firmware_opens_a_new_epoch_for_its_number_is_taken():
    flash, journal = made(1)
    old, last = journal.epoch, unsettled(journal)[-1]
    journal._write(99, journal.next_seq, bytes(8), b"?")

    assert_new_epoch(mounted(flash), old, last)


def test_record_with_words_of_a_newer_firmware_waits_for_it_and_holds_up_nobody():
    flash, journal = made(2)
    usual, tomorrow = records.WORDS["flags"], ("of_tomorrow",)
    records.WORDS["flags"] = usual + tomorrow
    try:
        journal.open_visit(token, "glass", 4711)
        fields = {"after_g": 5000, "e_g": 10, "p2p_g": 4, "n": 8, "flags": ["of_tomorrow"]}
        newer = journal.close_visit("deposit", fields)
    finally:
        records.WORDS["flags"] = usual

    older = mounted(flash)  # that firmware was rolled back
    deposit(older)
    assert [record.seq for record in unsettled(older)] == [0, 1, 2, newer.seq + 1]
    assert older.kept(older.epoch, newer.seq, newer.seq) is None
    assert older.depth() == 5
    records.WORDS["flags"] = usual + tomorrow
    try:
        assert [record.seq for record in unsettled(older)] == [0, 1, 2, 3, 4]
    finally:
        records.WORDS["flags"] = usual


class FailingFlash(RamFlash):
    """A flash on which some operations do not take."""

    def __init__(self, sectors):
        RamFlash.__init__(self, sectors)
        self.fails = ()

    def writeblocks(self, block, data, offset):
        if self.operations + 1 in self.fails:
            self.operations += 1
        else:
            RamFlash.writeblocks(self, block, data, offset)


def test_record_that_the_flash_does_not_keep_is_not_called_saved():
    flash = FailingFlash(4)
    journal = mounted(flash)
    name = journal.open_visit(token, "glass", 4711)
    flash.fails = range(flash.operations + 1, flash.operations + 1000)

    fields = {"after_g": 5000, "e_g": 10, "p2p_g": 4, "n": 8, "temp_c10": None}
    raises(FlashFault, journal.close_visit, "deposit", fields)
    flash.fails = ()

    deposit(journal)
    kinds = [(record.epoch, record.seq, record.body["kind"]) for record in unsettled(journal)]
    assert kinds[1] == (name[0], name[1], "interrupted")
    assert [record.seq for record in unsettled(mounted(flash))] == [0, 1, 2]


def test_entry_that_one_sector_does_not_take_goes_into_the_next():
    for fault in range(1, 5):
        flash = FailingFlash(4)
        journal = mounted(flash)
        flash.fails = (flash.operations + fault,)
        record = deposit(journal)
        assert [r.seq for r in unsettled(journal)] == [0, 1]
        again = mounted(flash)
        assert (again.epoch, again.next_seq) == (journal.epoch, 2)
        assert [(r.seq, r.hash8) for r in unsettled(again)][1:] == [(1, record.hash8)]


def test_ring_goes_round_a_bad_sector_without_a_new_epoch():
    for bad in ((1,), (0,), (3,), (1, 3)):
        flash = RamFlash(6)
        flash.bad = bad
        journal = mounted(flash)
        epoch = journal.epoch
        for number in range(150):
            record = deposit(journal)
            assert record.seq == number + 1
            if number % 9 == 8:
                settle_all(journal)
                journal = mounted(flash)
                assert (journal.epoch, journal.next_seq) == (epoch, number + 2)


def test_sector_that_goes_bad_keeps_what_it_has_and_takes_no_more():
    flash, journal = made(5)
    flash.bad = (0,)
    for _ in range(40):
        deposit(journal)

    again = mounted(flash)
    assert [r.seq for r in unsettled(again)] == list(range(46))
    assert again.epoch == journal.epoch
    settle_all(again)
    assert again.depth() == 0
    assert unsettled(again) == []
    assert [r.seq for r in unsettled(mounted(flash))] == list(range(6))


def test_flash_that_takes_nothing_refuses_visits_and_starts():
    flash, journal = made(5)
    flash.bad = (0, 1, 2, 3)
    raises(FlashFault, deposit, journal)
    again = mounted(flash)
    raises(FlashFault, deposit, again)
    assert len(unsettled(again)) == 6
    blank = RamFlash(4)
    blank.bad = (0, 1, 2, 3)
    raises(FlashFault, deposit, mounted(blank))


def test_reads_that_flip_a_bit_now_and_then_are_read_again():
    flash, journal = made(60, sectors=8)
    for flips in (50, 23, 11):
        flash.flips = flips
        again = mounted(flash)
        assert (again.epoch, again.next_seq) == (journal.epoch, journal.next_seq)
        assert [r.seq for r in unsettled(again)] == list(range(journal.next_seq))
        deposit(again)
        journal = again


def test_sector_that_cannot_be_read_costs_what_it_held_and_opens_a_new_epoch():
    flash, journal = made(85, sectors=8)
    old = journal.epoch
    flash.dead = (1,)
    again = mounted(flash)
    assert again.epoch != old
    kept = [r for r in unsettled(again) if r.epoch == old]
    assert {r.place[0] for r in kept} == {0, 2, 3}
    deposit(again)
