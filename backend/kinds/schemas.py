"""Kinds of money as JSON. Amounts in minor units of their currency."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from backend.ledger.melt_terms import ALL, MOST_DAYS, Melting
from backend.ledger.transfers import MAX_AMOUNT, Code
from backend.schemas import LARGEST, Seconds, Strict, Words

MoneyName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,15}$")]
MerchantKind = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,23}$")]
AccountNumber = Annotated[int, Field(ge=1, le=LARGEST)]
Debt = Annotated[int, Field(ge=-MAX_AMOUNT, le=0)]
Bound = Annotated[int, Field(ge=-MAX_AMOUNT, le=MAX_AMOUNT)]
CODES = {code.name.lower(): code for code in Code}
CodeWord = Annotated[str, Field(json_schema_extra={"enum": [*CODES]}, max_length=20)]


class KindIn(Strict):
    """A new kind of money: who issues it, whether it is restricted, whether it is exchanged."""

    code: MoneyName
    issued_by: Literal["town", "nobody"]
    restricted: bool = False
    convertible: bool = False


class CurrencyIn(Strict):
    """`member_min` is below 0 where nobody issues the money, else 0."""

    code: MoneyName
    kind: MoneyName
    scale: Annotated[int, Field(ge=0, le=6)] = 0
    member_min: Debt = 0


class WayIn(Strict):
    """Money of a kind that moves under a code."""

    kind: MoneyName
    code: CodeWord


class CrossingIn(Strict):
    """Whether the two may move in one group of transfers."""

    one: WayIn
    other: WayIn
    allowed: bool = True


class SpendRuleIn(Strict):
    """Where restricted money may be spent, and until when; 0 ends it."""

    currency: MoneyName
    merchant_kind: MerchantKind
    until_s: Seconds


class MerchantIn(Strict):
    """What kind of merchant the account belongs to; null ends it."""

    kind: MerchantKind | None


class LimitsIn(Strict):
    """All limits anew; null is none. Soft limits stop nothing: crossing one makes a notice."""

    min_balance: Debt | None = 0
    max_balance: Bound | None = None
    soft_min: Bound | None = None
    soft_max: Bound | None = None
    closed: bool = False


class PurseIn(Strict):
    """A person's account in a further currency; limits left out are the currency's own."""

    currency: MoneyName
    min_balance: Debt | None = None
    max_balance: Bound | None = None


class IssueIn(Strict):
    """Money from the town to a member, or back from a member to the town."""

    account_id: AccountNumber
    amount: Annotated[int, Field(ge=1, le=MAX_AMOUNT)]
    code: Literal["issue", "retire"] = "issue"
    reason: Words = ""


class MeltingIn(Strict):
    """How a currency's credit melts: expiry after `days`, demurrage of `basis_points` a month.

    Demurrage leaves `free_amount` alone. `none` ends it.
    """

    currency: MoneyName
    way: Literal["none", "expiry", "demurrage"]
    days: Annotated[int, Field(ge=0, le=MOST_DAYS, strict=True)] = 0
    basis_points: Annotated[int, Field(ge=0, le=ALL, strict=True)] = 0
    free_amount: Annotated[int, Field(ge=0, le=MAX_AMOUNT, strict=True)] = 0


class RuleOut(BaseModel):
    """How a currency's credit melts since `from_s`."""

    currency: str
    melting: Melting
    from_s: int


class DecidedOut(BaseModel):
    """The number of the currency or of the rule."""

    number: int


class LimitsOut(BaseModel):
    """The limits hold from the transfer `from_id` on."""

    account_id: int
    from_id: int


class PurseOut(BaseModel):
    account_id: int
    currency: str
