"""What goes up next: after weeks without a network, a new visit waits for nobody."""

from firmware import contract
from firmware.backlog import AGAIN_MS, RECORDED_MS, WINDOW, Backlog
from firmware.boards.simlife import WHO, common, random, token
from firmware.boards.simram import RamFlash
from firmware.journal import Journal


class Bin:
    """A real journal with `old` records in it, and a clock that stands."""

    def __init__(self, old):
        self.now_ms = 1000
        self.journal = Journal(RamFlash(64), WHO, random, common)
        for _ in range(old):
            self.visit()
        self.backlog = Backlog(self.journal, lambda: self.now_ms)

    def visit(self):
        self.journal.open_visit(token, "organic", 1000)
        fields = {"after_g": 1500, "e_g": 10, "p2p_g": 4, "n": 8, "temp_c10": None}
        return self.journal.close_visit("deposit", fields)

    def sends(self, most=10**6):
        """Send what is to be sent, at most so many; return the seqs."""
        seqs = []
        while len(seqs) < most:
            record = self.backlog.next()
            if record is None:
                break
            self.backlog.sent(record)
            seqs.append(record.seq)
        return seqs

    def wait_hours(self):
        self.now_ms += AGAIN_MS + 1

    def record_all(self):
        for (epoch, seq), (hash8, _, _) in list(self.backlog.flying.items()):
            assert self.backlog.recorded(epoch, seq, hash8)


def test_backlog_goes_in_order_and_a_window_at_a_time():
    bin_ = Bin(20)
    sent = bin_.sends()
    assert sent == list(range(WINDOW))
    assert bin_.sends() == []
    while len(sent) < 21:
        bin_.record_all()
        sent += bin_.sends()
    assert sent == list(range(21))


def test_new_visit_goes_ahead_of_a_backlog_of_weeks_and_only_once():
    bin_ = Bin(600)
    sent = bin_.sends()
    assert len(sent) == WINDOW  # the window is full, and nobody answers

    newest = bin_.visit()
    bin_.backlog.add(newest.place)

    assert bin_.sends() == [newest.seq]
    sent.append(newest.seq)
    while True:
        bin_.record_all()
        more = bin_.sends()
        if not more:
            break
        sent += more
    assert sorted(sent) == list(range(602))
    assert len(sent) == len(set(sent))


def test_the_newest_of_several_visits_goes_first_and_none_is_forgotten():
    bin_ = Bin(30)
    bin_.sends()
    seqs = []
    for _ in range(12):
        record = bin_.visit()
        seqs.append(record.seq)
        bin_.backlog.add(record.place)
    assert bin_.sends() == list(reversed(seqs[-8:]))
    bin_.record_all()
    rest = []
    while True:
        more = bin_.sends()
        bin_.record_all()
        if not more:
            break
        rest += more
    assert rest == list(range(WINDOW, 31)) + seqs[:4]


def test_what_is_not_recorded_in_time_goes_again_and_first():
    bin_ = Bin(20)
    bin_.sends()
    bin_.now_ms += RECORDED_MS
    assert bin_.sends(1) == [0]
    assert bin_.backlog.due_ms() >= 1


def test_recorded_for_other_bytes_counts_for_nothing():
    bin_ = Bin(2)
    bin_.sends()
    epoch, seq = next(iter(bin_.backlog.flying))
    assert not bin_.backlog.recorded(epoch, seq, "0" * 16)
    assert not bin_.backlog.recorded("f" * 16, seq, "0" * 16)


def test_recorded_but_unsettled_goes_again_after_hours_at_a_birth_and_on_order():
    bin_ = Bin(3)
    for again in (lambda: None, bin_.backlog.begin, bin_.backlog.rewind, bin_.wait_hours):
        again()
        assert bin_.sends() == [0, 1, 2, 3], again
        bin_.record_all()


def test_history_is_served_when_nothing_else_waits_whether_settled_or_not():
    bin_ = Bin(10)
    for seq in range(6):
        record = bin_.journal.kept(bin_.journal.epoch, seq, seq)
        assert bin_.journal.settle(record.epoch, record.seq, record.hash8)
    bin_.backlog.serve(bin_.journal.epoch, 2, 4)
    assert bin_.sends() == [6, 7, 8, 9, 10, 2, 3, 4]
    assert bin_.sends() == []
    assert (bin_.journal.epoch, 3) not in bin_.backlog.flying
    assert bin_.journal.kept("f" * 16, 0, 9) is None


def test_a_history_record_signs_as_it_did():
    bin_ = Bin(2)
    record = bin_.journal.kept(bin_.journal.epoch, 1, 1)
    payload = contract.canonical(record.body).encode()
    signed = contract.signing_input(WHO.device, record.key_number, "record", payload)
    parts = contract.split(signed.decode() + "." + contract.b64(bytes(32)), "record")
    assert contract.hash8(parts.hash) == record.hash8
