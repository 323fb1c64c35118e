"""Routes of the kinds of money: reading them is everybody's who signed in, deciding is not."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, status

from backend.access.dependencies import SignedIn, WithServices, staff_with
from backend.access.service import Who
from backend.accounts.endpoints import may_read
from backend.errors import BadInput
from backend.idempotency import Key
from backend.kinds import expiry, melting, service
from backend.kinds.expiry import TakenBack
from backend.kinds.melting import Draft
from backend.kinds.schemas import (
    CODES,
    CrossingIn,
    CurrencyIn,
    DecidedOut,
    IssueIn,
    KindIn,
    LimitsIn,
    LimitsOut,
    MeltingIn,
    MerchantIn,
    PurseIn,
    PurseOut,
    RuleOut,
    SpendRuleIn,
    WayIn,
)
from backend.kinds.service import Moneys
from backend.ledger import notices
from backend.ledger.melt_terms import Melting
from backend.ledger.notices import Notice
from backend.ledger.resolve import Amend
from backend.ledger.rules import (
    AllowCrossing,
    AllowSpending,
    DefineKind,
    OpenCurrency,
    RuleChange,
)
from backend.problems import problems
from backend.schemas import LARGEST, After, Digits, PageSize, RowId
from backend.services import Services
from backend.transfers.endpoints import group_out
from backend.transfers.schemas import GroupOut

router = APIRouter(prefix="/v1", tags=["kinds of money"])
Decider = Annotated[Who, Depends(staff_with("money:write"))]
Issuer = Annotated[Who, Depends(staff_with("money:issue"))]
Limiter = Annotated[Who, Depends(staff_with("limits:write"))]
Enroller = Annotated[Who, Depends(staff_with("people:enrol"))]
MeltReader = Annotated[Who, Depends(staff_with("tariffs:read"))]
MeltDrafter = Annotated[Who, Depends(staff_with("tariffs:draft"))]
MeltApprover = Annotated[Who, Depends(staff_with("tariffs:approve"))]
Reader = Annotated[Who, Depends(staff_with("reports:read"))]
AccountId = Annotated[int, Digits, Path(ge=1, le=LARGEST)]
CurrencyPath = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,15}$")]
_DECIDED = problems(401, 403, 404, 409, 422, 503)


@router.get("/money/kinds", responses=problems(401, 503))
def list_kinds(who: SignedIn, services: WithServices) -> Moneys:
    """What money there is, where it may be spent and what it may be exchanged for."""
    with services.read() as conn:
        return service.moneys(conn, who.ledger_id)


@router.post("/money/kinds", status_code=status.HTTP_201_CREATED, responses=_DECIDED)
def define_kind(body: KindIn, who: Decider, services: WithServices) -> DecidedOut:
    return _decide(services, DefineKind(**body.model_dump(), decided_by=who.signature))


@router.post("/money/currencies", status_code=status.HTTP_201_CREATED, responses=_DECIDED)
def open_currency(body: CurrencyIn, who: Decider, services: WithServices) -> DecidedOut:
    return _decide(services, OpenCurrency(**body.model_dump(), decided_by=who.signature))


@router.post("/money/crossings", status_code=status.HTTP_201_CREATED, responses=_DECIDED)
def allow_crossing(body: CrossingIn, who: Decider, services: WithServices) -> DecidedOut:
    """Let two kinds of money move in one group, or end that; everything else is refused."""
    asked = AllowCrossing(_way(body.one), _way(body.other), who.signature, body.allowed)
    return _decide(services, asked)


@router.put("/money/spend-rules", responses=_DECIDED)
def allow_spending(body: SpendRuleIn, who: Decider, services: WithServices) -> DecidedOut:
    with services.read() as conn:
        money = service.currency(conn, who.ledger_id, body.currency)
    asked = AllowSpending(money.id, body.merchant_kind, body.until_s, who.signature)
    return _decide(services, asked)


@router.post(
    "/money/issues",
    status_code=status.HTTP_201_CREATED,
    responses=problems(400, 401, 403, 404, 409, 422, 503),
)
def issue(body: IssueIn, who: Issuer, services: WithServices, key: Key) -> GroupOut:
    """Book money from the town to a member (`issue`), or from a member back (`retire`)."""
    made = service.issue(
        services,
        who,
        body.account_id,
        body.amount,
        code=CODES[body.code],
        reason=body.reason,
        key=key,
    )
    return group_out(made, made.transfers)


@router.post("/money/{currency}/expiry", responses=_DECIDED)
def take_back(currency: CurrencyPath, who: Issuer, services: WithServices) -> TakenBack:
    """Book what members have left of restricted money, whose rules have ended, back to the town.

    May be repeated: it only ever takes what is still there. Merchants keep what they took in.
    """
    return expiry.take_back(services, who, currency)


@router.get("/money/melting", responses=problems(401, 503))
def list_melting(who: SignedIn, services: WithServices) -> list[RuleOut]:
    """How credit melts in each currency for which that was decided: everybody's to know.

    Who signed it is not: the drafts say that to staff.
    """
    with services.read() as conn:
        found = melting.in_force(conn, who.ledger_id)
    return [
        RuleOut(currency=each.currency, melting=each.melting, from_s=each.from_s) for each in found
    ]


@router.get("/money/melting/drafts", responses=problems(401, 403, 503))
def list_melting_drafts(who: MeltReader, services: WithServices) -> list[Draft]:
    """Every rule that was drafted, and who signed it."""
    with services.read() as conn:
        return melting.drafts(conn, who.ledger_id)


@router.post(
    "/money/melting/drafts",
    status_code=status.HTTP_201_CREATED,
    responses=problems(401, 403, 404, 422, 503),
)
def draft_melting(body: MeltingIn, who: MeltDrafter, services: WithServices) -> Draft:
    """Write a rule down; it needs two approvals."""
    wanted = Melting(body.way, body.days, body.basis_points, body.free_amount)
    by, now_s = who.signature, services.now_s()
    with services.begin() as conn:
        return melting.draft(conn, who.ledger_id, body.currency, wanted, drafted_by=by, now_s=now_s)


@router.post("/money/melting/drafts/{draft_id}/approvals", responses=_DECIDED)
def approve_melting(draft_id: RowId, who: MeltApprover, services: WithServices) -> Draft:
    """Sign a rule; the second person's signature puts it in force."""
    return melting.approve(services, draft_id, staff_id=who.id)


@router.put("/accounts/{account_id}/merchant", responses=_DECIDED)
def name_merchant(
    account_id: AccountId, body: MerchantIn, who: Decider, services: WithServices
) -> DecidedOut:
    kind = body.kind or ""
    number = service.name_merchant(services, account_id, kind, decided_by=who.signature)
    return DecidedOut(number=number)


@router.put("/accounts/{account_id}/limits", responses=_DECIDED)
def set_limits(
    account_id: AccountId, body: LimitsIn, who: Limiter, services: WithServices
) -> LimitsOut:
    made = service.set_limits(services, Amend(account_id, **body.model_dump()))
    return LimitsOut(account_id=made.account_id, from_id=made.from_id)


@router.get("/accounts/{account_id}/notices", responses=problems(401, 403, 404, 422, 503))
def read_notices(
    account_id: AccountId,
    who: SignedIn,
    services: WithServices,
    before_id: After = None,
    limit: PageSize = 50,
) -> list[Notice]:
    """The soft limits that the account crossed, newest first."""
    with services.read() as conn:
        may_read(conn, who, account_id, "balances:read")
        found = notices.notices(conn, who.ledger_id, account_id, before_id=before_id, limit=limit)
    return list(found)


@router.get("/notices", responses=problems(401, 403, 422, 503))
def list_notices(
    who: Reader, services: WithServices, before_id: After = None, limit: PageSize = 50
) -> list[Notice]:
    """Every account's; the next page starts before the last one's `transfer_id`."""
    with services.read() as conn:
        return list(notices.notices(conn, who.ledger_id, before_id=before_id, limit=limit))


@router.post(
    "/people/{person_id}/accounts", status_code=status.HTTP_201_CREATED, responses=_DECIDED
)
def open_account(
    person_id: RowId, body: PurseIn, who: Enroller, services: WithServices
) -> PurseOut:
    """Open a person's account in a further currency."""
    who.saw("people:enrol", person_id)
    with services.begin() as conn:
        account_id = service.open_account(
            conn,
            who.ledger_id,
            person_id,
            body.currency,
            min_balance=body.min_balance,
            max_balance=body.max_balance,
        )
    return PurseOut(account_id=account_id, currency=body.currency)


@router.get("/people/{person_id}/accounts", responses=problems(401, 403, 404, 422, 503))
def list_accounts(person_id: RowId, who: SignedIn, services: WithServices) -> list[PurseOut]:
    """A person's accounts, one for each currency."""
    who.require_person(person_id, "balances:read")
    with services.read() as conn:
        found = service.purses(conn, who.ledger_id, person_id)
    return [PurseOut(account_id=account_id, currency=code) for account_id, code in found]


def _way(way: WayIn) -> tuple[str, int]:
    if way.code not in CODES:
        raise BadInput(f"Money moves under one of these codes: {', '.join(CODES)}.")
    return way.kind, int(CODES[way.code])


def _decide(services: Services, asked: RuleChange) -> DecidedOut:
    return DecidedOut(number=services.poster.submit(asked).result())
