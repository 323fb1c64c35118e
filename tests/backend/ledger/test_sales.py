"""Laws of offline sales: told late, booked once, the payee paid in full, what is missing seen."""

import pytest
from sqlalchemy import select

from backend import db
from backend.ledger import accounts, errors
from backend.ledger import tables as t
from backend.ledger.resolve import Amend
from backend.ledger.transfers import Code, Group, HoldTerms, Leg, Sale
from backend.ledger.verify import verify
from tests.backend.ledger.town import NOW_S, TOWN, Town, done, entry, pay


def sold(town: Town, seq: int, payer: int, payee: int, amount: int) -> tuple[str, str, int]:
    sale = Sale(payer, payee, amount)
    said = done(town.poster.submit(entry(seq, sale, source_id=9, words=str(sale))))
    return said.outcome, said.reason, said.amount


def test_a_payer_with_enough_pays_alone(town: Town) -> None:
    member, shop = town.account(100), town.account()

    assert sold(town, 1, member, shop, 60) == ("noted", "", 60)

    assert (town.balance(member), town.balance(shop)) == (40, 60)
    assert town.balance(accounts.SHORTFALL) == 0


def test_what_a_payer_lacks_is_borne_by_the_shortfall_account(town: Town) -> None:
    member, shop = town.account(40), town.account()

    assert sold(town, 1, member, shop, 60) == ("noted", "short", 60)

    assert (town.balance(member), town.balance(shop)) == (0, 60)
    assert town.balance(accounts.SHORTFALL) == -20
    with db.read(town.engine) as conn:
        row = t.transfer.c
        legs = conn.execute(
            select(row.group_id, row.leg, row.code).where(row.source_id == 9).order_by(row.id)
        ).all()
    assert [(leg, code) for _, leg, code in legs] == [(0, Code.SALE), (1, Code.SHORTFALL)]
    assert len({group for group, _, _ in legs}) == 1


def test_a_sale_told_twice_is_booked_once(town: Town) -> None:
    member, shop = town.account(100), town.account()
    sale = entry(1, Sale(member, shop, 30), source_id=9)

    answers = done(town.poster.submit_all([sale, sale]))
    again = done(town.poster.submit(sale))

    assert [a.known for a in (*answers, again)] == [False, True, True]
    assert town.balance(shop) == 30


def test_sales_of_one_batch_do_not_spend_the_same_money(town: Town) -> None:
    member, shop = town.account(100), town.account()

    done(
        town.poster.submit_all(
            [entry(n, Sale(member, shop, 70), source_id=9, words=str(n)) for n in range(3)]
        )
    )

    assert (town.balance(member), town.balance(shop)) == (0, 210)
    assert town.balance(accounts.SHORTFALL) == -110


def test_what_is_reserved_is_not_sold_away(town: Town) -> None:
    member, shop = town.account(100), town.account()
    hold = Leg(member, shop, 80, Code.PAY, hold=HoldTerms(NOW_S + 3600))
    done(town.poster.submit(Group((hold,), NOW_S)))

    assert sold(town, 1, member, shop, 60) == ("noted", "short", 60)

    assert town.balance(member) == 80


@pytest.mark.parametrize("who", ["nobody", "closed", "compost"])
def test_goods_for_somebody_who_cannot_pay_are_the_towns_loss(town: Town, who: str) -> None:
    shop = town.account()
    payer = {
        "nobody": lambda: 123_456,
        "closed": lambda: town.account(50),
        "compost": lambda: town.account(currency=accounts.COMPOST),
    }[who]()
    if who == "closed":
        done(town.poster.submit(Amend(payer, 0, None, closed=True)))

    assert sold(town, 1, payer, shop, 60) == ("noted", "short", 60)

    assert (town.balance(shop), town.balance(accounts.SHORTFALL)) == (60, -60)


def test_a_sale_to_a_shop_that_is_none_or_to_oneself_is_refused_and_not_recorded(
    town: Town,
) -> None:
    member = town.account(100)

    with pytest.raises(errors.UnknownAccount):
        sold(town, 1, member, 123_456, 60)
    with pytest.raises(errors.BadGroup):
        sold(town, 2, member, member, 60)
    with pytest.raises(errors.BadAmount):
        sold(town, 3, member, town.account(), 0)

    with db.read(town.engine) as conn:
        assert not conn.scalars(select(t.record.c.seq).where(t.record.c.source_id == 9)).all()


def test_nobody_pays_from_the_shortfall_account_by_hand(town: Town) -> None:
    shop = town.account()

    with pytest.raises(errors.BadGroup, match="offline"):
        done(town.poster.submit(pay(accounts.SHORTFALL, shop, 5)))


def test_the_town_makes_the_shortfall_good(town: Town) -> None:
    member, shop, council = town.account(), town.account(), town.account(500)
    sold(town, 1, member, shop, 60)

    done(town.poster.submit(pay(council, accounts.SHORTFALL, 60)))

    assert town.balance(accounts.SHORTFALL) == 0


def test_the_verifier_finds_a_sale_of_another_amount(town: Town) -> None:
    town.spoiled = True
    member, shop = town.account(100), town.account()
    sold(town, 1, member, shop, 60)
    with db.begin(town.engine) as conn:
        if town.engine.dialect.name == "sqlite":
            conn.exec_driver_sql("DROP TRIGGER record_no_update")
        else:
            conn.exec_driver_sql("SET LOCAL session_replication_role = replica")
        conn.execute(t.record.update().where(t.record.c.source_id == 9).values(amount=61))

    with db.read(town.engine) as conn:
        problems = verify(conn, TOWN).problems

    assert any("a sale is not what was paid" in problem.words for problem in problems)
