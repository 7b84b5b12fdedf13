"""Where a scenario is played: time, history, calls, and the label that grows with them.

What enters: a scenario's acts. What leaves: its events and its ``Label``. This module must never know a scenario.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.simulate.calls import Call, Document, attach_role_policy, create_role, put_role_policy, trust_of
from pipeline.simulate.cast import Cast
from pipeline.simulate.entropy import Entropy
from pipeline.simulate.issuance import Issued
from pipeline.simulate.labels import Edge, Label
from pipeline.simulate.organisation import IAM_REGION, Organisation, app_name, new_role
from pipeline.simulate.record import Entry, Event, render_event
from pipeline.simulate.session import Role, Session, iso
from pipeline.simulate.subject import Subject, new_subject, provisioner

DAY = 86_400
ABUSE_CLASSES = ("privilege_escalation", "unauthorized_access", "resource_misuse", "indeterminate")
_GLOBAL = frozenset({"iam", "organizations"})


@dataclass(slots=True)
class Stage:
    """One instance of a scenario while it is made; ``now`` is its clock, moved by ``wait``."""

    cast: Cast
    ids: Entropy
    start: float
    days: int
    now: float = 0.0
    events: list[Event] = field(default_factory=list)
    grants: list[str] = field(default_factory=list)
    uses: list[str] = field(default_factory=list)
    context: list[str] = field(default_factory=list)
    chain: list[Edge] = field(default_factory=list)
    true_edges: list[Edge] = field(default_factory=list)
    repeats: list[Event] = field(default_factory=list)
    entities: set[str] = field(default_factory=set)
    key_owners: dict[str, str] = field(default_factory=dict)
    used_names: set[str] = field(default_factory=set)
    side: list[str] = field(default_factory=list)

    @property
    def org(self) -> Organisation:
        """The organisation it plays in."""
        return self.cast.org

    def subject(self, kind: str, account_kind: str = "", *, profile: str = "developer") -> Subject:
        """Return a fresh principal of the given kind in one of the accounts."""
        account = self.org.account(account_kind or self.ids.pick(("prod", "staging", "dev")))
        return new_subject(self.cast, self.ids, kind, account, profile=profile)

    def set_day(self, subject: Subject, *, earliest: int = 8) -> None:
        """Choose the day and hour of the act, after ``earliest`` days of history, now and then on a weekend."""
        first, last = min(earliest, self.days - 2), self.days - 2
        day = self.ids.between(first, last)
        if self.ids.chance(0.7):
            while (self.start // DAY + day + 3) % 7 >= 5 and day > first:
                day -= 1
        self.now = self.start + day * DAY + subject.day_start(self.ids)

    def past(self, subject: Subject) -> None:
        """Give a subject its ordinary past up to the day of the act."""
        self.events += subject.past(self.ids, self.start, self.now - self.now % DAY)

    def app_role(self, account_id: str, *, name: str = "") -> Role:
        """Return a workload's role that existed before the corpus."""
        return new_role(self.ids, account_id, name or f"{app_name(self.ids)}-role")

    def provision(
        self,
        role: Role,
        *,
        trust: Document | None = None,
        policies: dict[str, Document] | None = None,
        managed: tuple[str, ...] = (),
        is_context: bool = False,
    ) -> None:
        """Have the platform's pipeline make ``role`` early in the corpus, so that its permissions are known."""
        then, self.now = self.now, self.start + self.ids.random.uniform(0.3, 1.8) * DAY
        pipeline = provisioner(self.cast, role.account_id)
        session = self.issue(pipeline.begin(self.ids, self.now), is_demanded=False)
        self.wait(5, 30)
        self.call(
            session, create_role(self.ids, role, trust or trust_of({"Service": "lambda.amazonaws.com"}), self.now)
        )
        for name, policy in (policies or {}).items():
            event = self.call(session, put_role_policy(self.ids, role, name, policy))
            if is_context:
                self.earlier(event)
        for arn in managed:
            event = self.call(session, attach_role_policy(role, arn))
            if is_context:
                self.earlier(event)
        self.now = then

    def authorise(self, subject: Subject, make: Callable[[Stage, Session], None]) -> None:
        """Give a subject a past as one who changes permissions: on at least three earlier days, at least six times."""
        then = self.now
        days = [day for day in range(int((then - self.start) // DAY)) if (self.start // DAY + day + 3) % 7 < 5]
        for day in sorted(self.ids.sample(days, 5)):
            self.now = self.start + day * DAY + subject.day_start(self.ids)
            session = self.issue(subject.begin(self.ids, self.now), is_demanded=False)
            self.wait(30, 600)
            for _ in range(2):
                make(self, session)
                self.wait(20, 400)
        self.now = then

    def begin(self, subject: Subject, *, is_demanded: bool = False) -> Session:
        """Sign the subject in now and let it do some ordinary work first."""
        session = self.issue(subject.begin(self.ids, self.now), is_demanded=is_demanded)
        self.wait(10, 120)
        self.events += subject.ordinary(self.ids, session, self.now, self.ids.between(2, 5))
        self.wait(200, 900)
        return session

    def issue(self, issued: Issued, *, is_demanded: bool = True) -> Session:
        """Play an issuance; its edge is true, and demanded of a chain where the scenario says so."""
        self.events += issued.events
        self.entities |= {issued.issuer_arn, issued.session.arn, *issued.names}
        self.own_key(issued.session)
        if issued.event_id and issued.session.key_id:
            copies = tuple(event.event_id for event in issued.events)
            edge = Edge(issued.issuer_arn, issued.session.key_id, "issued_key", issued.event_id, copies)
            (self.chain if is_demanded else self.true_edges).append(edge)
        return issued.session

    def own_key(self, session: Session) -> None:
        """Note whose a key is, so that a chain may name either."""
        if session.key_id:
            self.entities.add(session.key_id)
            self.key_owners[session.key_id] = session.arn

    def wait(self, low: int, high: int) -> None:
        """Let between ``low`` and ``high`` seconds pass."""
        self.now += self.ids.random.uniform(low, high)

    def call(self, session: Session, call: Call, *, region: str = "") -> Event:
        """Make a call now that succeeds; the clock moves on a little."""
        where = IAM_REGION if call.service in _GLOBAL else region or "us-east-1"
        source = f"{call.service}.amazonaws.com"
        entry = Entry(source, call.name, where, call.request, call.response, call.read_only)
        event = render_event(self.ids, session, self.now, entry)
        self.events.append(event)
        self.own_key(session)
        self.wait(2, 20)
        return event

    def denied(self, session: Session, call: Call) -> Event:
        """Make a call now that is denied: no parameters, the target only in the message."""
        resource = f" on resource: {call.denied_on}" if call.denied_on else ""
        message = (
            f"User: {session.arn} is not authorized to perform: {call.action}{resource} "
            f"because no identity-based policy allows the {call.action} action"
        )
        source, error = f"{call.service}.amazonaws.com", ("AccessDenied", message)
        entry = Entry(source, call.name, "us-east-1", read_only=call.read_only, error=error)
        event = render_event(self.ids, session, self.now, entry)
        self.events.append(event)
        self.wait(2, 20)
        return event

    def grant(self, session: Session, call: Call, target_arn: str) -> Event:
        """Make a permission change that the label is about."""
        event = self.call(session, call)
        self.grants.append(event.event_id)
        if target_arn:
            self.chain.append(Edge(session.arn, target_arn, "grant", event.event_id))
        self.entities |= {session.arn, target_arn}
        return event

    def use(self, session: Session, call: Call, *, region: str = "") -> Event:
        """Make a call that a grant allowed."""
        event = self.call(session, call, region=region)
        is_first = call.name not in self.used_names
        self.used_names.add(call.name)
        self.uses.append(event.event_id)
        # A chain need not list the same call twice: the first use is demanded, the others are right.
        (self.chain if is_first else self.true_edges).append(Edge(session.arn, "", "use", event.event_id))
        self.entities.add(session.arn)
        return event

    def earlier(self, event: Event) -> Event:
        """Mark a permission change as one that the story needs, not one that it is about."""
        self.context.append(event.event_id)
        return event

    def label(self, scenario: str, family: str, number: int, root: Subject, target_arn: str, expected: str) -> Label:
        """Close the instance; an attack found under another abuse class is accepted loosely."""
        first = min((event.time for event in self.events if event.event_id in set(self.grants)), default=self.now)
        return Label(
            scenario=scenario,
            family=family,
            instance=f"{scenario}-{number}",
            account_id=root.account_id,
            expected_class=expected,
            accepted_classes=ABUSE_CLASSES if expected in ABUSE_CLASSES else (expected,) if expected else (),
            is_quiet=family == "quiet",
            grant_event_ids=tuple(self.grants),
            use_event_ids=tuple(self.uses),
            context_event_ids=tuple(self.context),
            side_event_ids=(*self.side, *self.uses),
            lineage_event_ids=tuple(sorted(event.event_id for event in self.events)),
            entities=tuple(sorted((self.entities | set(root.roots) | {target_arn}) - {""})),
            key_owners=self.key_owners,
            root_principals=root.roots,
            target_arn=target_arn,
            chain=tuple(self.chain),
            true_edges=tuple(self.true_edges),
            started_at=iso(first),
        )
