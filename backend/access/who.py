"""The caller of a route: what they may do, and the note that is taken when they look at people.

Staff are asked for a scope. A resident reaches what is their own, and what is a holder's who
made them a delegate, within the scopes that the holder gave. Whoever looks at somebody else is
noted in the audit log before anything is shown.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from backend.access.audit import Actor, Audit
from backend.access.scopes import ROLES, STAFF_ROLES
from backend.errors import Forbidden, NotFound

Delegated = Mapping[int, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Trail:
    """The log to write to, and the clock it is dated by."""

    audit: Audit
    now_s: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Who:
    """Staff with a role, or a resident (role "resident").

    `acts_for` are the holders whose delegate a resident is now, with what they may do for them.
    Without a `trail` (as a mere name in a list) nobody can look at anybody.
    """

    ledger_id: int
    kind: str
    id: int
    name: str
    role: str
    acts_for: Delegated = field(default_factory=dict, compare=False)
    trail: Trail | None = field(default=None, compare=False, repr=False)

    def may(self, scope: str) -> bool:
        """Tell whether staff have this scope, in the whole town."""
        return self.kind == "staff" and scope in STAFF_ROLES.get(self.role, frozenset())

    def reaches(self, person_id: int, scope: str) -> bool:
        """Tell whether this may be done with what is that person's."""
        if self.kind == "staff":
            return self.may(scope)
        if person_id == self.id:
            return scope in ROLES["resident"]
        return scope in ROLES["delegate"] & self.acts_for.get(person_id, frozenset())

    def reach(self, scope: str) -> set[int]:
        """Return the people for whom a resident may do this: themselves, and their holders."""
        return {each for each in (self.id, *self.acts_for) if self.reaches(each, scope)}

    def require(self, scope: str) -> None:
        """Raises Forbidden."""
        if not self.may(scope):
            raise Forbidden("Your role does not allow this.")

    def require_if_staff(self, scope: str) -> None:
        """For routes that residents share, who see what is theirs there. Raises Forbidden."""
        if self.kind == "staff":
            self.require(scope)

    def require_person(self, person_id: int, scope: str) -> None:
        """A resident may see what is their own, staff what their role allows. Forbidden."""
        self.require_if_staff(scope)
        if not self.reaches(person_id, scope):
            raise Forbidden("This belongs to somebody else.")
        self.saw(scope, person_id)

    def require_theirs(self, person_id: int, scope: str) -> None:
        """What a resident could find by guessing numbers is not there unless it is theirs.

        Raises NotFound; Forbidden for staff, who are asked before anything is looked up, too.
        """
        self.require_if_staff(scope)
        if not self.reaches(person_id, scope):
            raise NotFound("There is no such thing of yours.")
        self.saw(scope, person_id)

    def saw(self, scope: str, *people: int) -> None:
        """Note that these people were looked at, or something was done to them; not oneself."""
        others = [each for each in people if self.kind == "staff" or each != self.id]
        if others:
            self.note(scope, others)

    def note(self, action: str, people: Iterable[int | None] = (None,)) -> None:
        """Write lines of the audit log, as this caller."""
        if self.trail is None:
            raise RuntimeError("A caller without a trail looked at somebody.")
        self.trail.audit.add(self.actor, action, people, at_s=self.trail.now_s())

    @property
    def actor(self) -> Actor:
        return Actor(self.kind, self.id, self.role)

    @property
    def signature(self) -> str:
        """What is written beside a decision."""
        return f"{self.kind}:{self.id}"
