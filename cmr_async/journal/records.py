"""What a journal knows, as values, and its rules as pure functions: keys, states, what may follow what.

Nothing here touches a database, so every rule that keeps an order from being bought twice can be read, and tested,
in one place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import attrs
import orjson

from ..core.wire import structure_order, unstructure_order
from ..errors import Fault, ValidationError
from ..models import Order
from ..models.requests import OrderRequest

__all__ = [
    "CLAIMABLE",
    "JOURNAL_COLUMNS",
    "OUTCOMES",
    "Claim",
    "Entry",
    "Event",
    "Step",
    "StepState",
    "Verdict",
    "body_of",
    "conflict_faults",
    "differences",
    "fingerprint",
    "may_follow",
    "order_key",
    "storable",
]

_HASHED = "sha256:"


class Step(StrEnum):
    """What is sent for an order; each step has its own row, claim and outcome."""

    #: The order itself: `POST /orders/json`, as a draft or confirmed.
    CREATE = "create"
    #: The processing of an accepted draft, which spends the money.
    PROCESS = "process"


class StepState(StrEnum):
    """Where a step stands."""

    #: Written down, never sent, or explicitly planned again.
    PLANNED = "planned"
    #: Claimed: a request may be under way.
    SENT = "sent"
    #: The API took it.
    ACCEPTED = "accepted"
    #: The API, or the validation before it, refused it: nothing was bought.
    REJECTED = "rejected"
    #: It may have happened: never send it again without evidence.
    UNKNOWN = "unknown"
    #: It provably did not reach the API: it may be sent again.
    NOT_SENT = "not_sent"


class Verdict(StrEnum):
    """What the evidence says about an unknown step."""

    #: It happened.
    PLACED = "confirmed"
    #: It did not happen; only then may it be planned again, by name.
    ABSENT = "absent"
    #: The evidence contradicts itself: a person has to look.
    CONFLICT = "conflict"


#: States that a claim may take a step from.
CLAIMABLE = (StepState.PLANNED, StepState.NOT_SENT)

#: States that the owner of a claim may report.
OUTCOMES = (StepState.ACCEPTED, StepState.REJECTED, StepState.UNKNOWN, StepState.NOT_SENT)


def may_follow(outcome: StepState, *, state: StepState, recovered: bool, verdict: Verdict | None) -> bool:
    """Whether the owner's outcome may replace what the journal holds about the owner's own attempt.

    A claim's outcome normally meets `sent`. It meets something else when it comes late: recovery took the owner
    for dead and wrote `unknown`, perhaps somebody gave a verdict and planned the step again. What was bought is
    always written down; a permission to send again is only given while nothing speaks against it.

    Args:
        outcome: What the owner reports, one of `OUTCOMES`.
        state: What the journal holds.
        recovered: The journal's `unknown` was written by recovery, not by the owner.
        verdict: The verdict on the `unknown`, if any.
    """
    match outcome:
        case StepState.ACCEPTED:
            return state not in {StepState.ACCEPTED, StepState.REJECTED}
        case StepState.REJECTED:
            return state in {StepState.SENT, StepState.UNKNOWN}
        case StepState.UNKNOWN:
            return state in {StepState.SENT, StepState.NOT_SENT} or (state is StepState.UNKNOWN and recovered)
        case StepState.NOT_SENT:
            harmless = recovered and verdict in {None, Verdict.ABSENT}
            return state is StepState.SENT or (state is StepState.UNKNOWN and harmless)
        case _:
            return False


@attrs.frozen(kw_only=True)
class Claim:
    """The right, and the duty, to send one step once and to record how it ended."""

    #: Key of the order.
    key: str
    #: Which step of it.
    step: Step
    #: Token of this attempt; a later claim of the same step has another.
    token: str
    #: When it was claimed, UTC epoch in seconds.
    at: float
    #: In which unbroken stretch of heartbeats it was claimed; see `Journal.holds`.
    epoch: int = 0


@attrs.frozen(kw_only=True)
class Event:
    """One change of a step, as the journal's history keeps it."""

    #: When, UTC epoch in seconds.
    at: float
    #: Key of the order.
    key: str
    #: Which step of it.
    step: Step
    #: What it became (a state), `verdict:...`, or `late:...` for an outcome that came too late to count.
    change: str
    #: Why, in words.
    reason: str
    #: The run that wrote it.
    run_id: str
    #: Token of the attempt it belongs to; `None` without one.
    token: str | None = None
    #: The order's id, where the change brought one.
    order_id: str | None = None


@attrs.frozen(kw_only=True)
class Entry:
    """One step of one order with everything the journal knows about it. No secret is in it."""

    #: The order's key: its reference, or `sha256:` and the hash of user and order.
    key: str
    #: Which step this is.
    step: Step
    #: Position of the order in the input, from 0.
    position: int
    #: Id of the user who owns the order.
    user_id: str
    #: The caller's own name for the order; `None` without one.
    reference: str | None
    #: The order as its request body: canonical JSON.
    body: str
    #: SHA-256 of user and body, hexadecimal.
    fingerprint: str
    #: `True`: the order was to be paid at once; `False`: a draft.
    confirm: bool
    #: Where the step stands.
    state: StepState
    #: `True`: this `unknown` was written because the owner died, not by the owner.
    recovered: bool = False
    #: What the evidence says about an `unknown`; `None` without a verdict.
    verdict: Verdict | None = None
    #: The evidence in words; empty without a verdict.
    evidence: str = ""
    #: The run that claimed the step last.
    run_id: str | None = None
    #: Token of the last claim.
    token: str | None = None
    #: HTTP requests that were started for this step, over all claims.
    attempts: int = 0
    #: The order's id; `None` until it is known.
    order_id: str | None = None
    #: `ACT_...` id of the asynchronous action; `None` without one.
    action_id: str | None = None
    #: HTTP status of the answer; `None` when none was seen.
    status: int | None = None
    #: What the API or the SDK said.
    message: str = ""
    #: First bytes of the answer to an `unknown`, as text.
    body_excerpt: str = ""
    #: When it was planned, UTC epoch in seconds.
    planned_at: float
    #: When it was claimed last; `None` before.
    sent_at: float | None = None
    #: When the last outcome was written; `None` before.
    ended_at: float | None = None
    #: When the verdict was written; `None` before.
    verdict_at: float | None = None

    @property
    def order(self) -> Order:
        """The order, read from its body.

        Raises:
            ValidationError: The body was changed by hand and is no order any more.
        """
        return structure_order(orjson.loads(self.body))

    @property
    def request(self) -> OrderRequest:
        """The order as an item of a bulk run."""
        return OrderRequest(user_id=self.user_id, order=self.order, reference=self.reference)

    @property
    def domains(self) -> tuple[str, ...]:
        """Every domain of the order once, without reading the whole order."""
        body = orjson.loads(self.body)
        named = (entry.get("domain", "") for entry in body.get("domains", ()))
        return tuple(dict.fromkeys([*named, *body.get("mailboxes", {})]))

    def plain(self) -> dict[str, Any]:
        """The entry as one flat row for CSV and JSON lines, under `JOURNAL_COLUMNS`; times are ISO 8601 in UTC."""
        body = orjson.loads(self.body)
        row: dict[str, Any] = {name: getattr(self, name) for name in JOURNAL_COLUMNS if name not in _DERIVED}
        row |= {name: _iso(row[name]) for name in ("planned_at", "sent_at", "ended_at", "verdict_at")}
        row |= {name: str(row[name]) for name in ("step", "state")}
        row["verdict"] = str(self.verdict) if self.verdict else None
        row["domains"] = " ".join(self.domains)
        row["mailboxes"] = sum(map(len, body.get("mailboxes", {}).values()))
        return {name: row[name] for name in JOURNAL_COLUMNS}


_DERIVED = ("domains", "mailboxes")

#: Columns of an exported journal, in this order.
JOURNAL_COLUMNS = (
    "key",
    "step",
    "state",
    "verdict",
    "reference",
    "position",
    "user_id",
    *_DERIVED,
    "confirm",
    "order_id",
    "action_id",
    "status",
    "attempts",
    "message",
    "evidence",
    "body_excerpt",
    "recovered",
    "planned_at",
    "sent_at",
    "ended_at",
    "verdict_at",
    "fingerprint",
)


def _iso(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def body_of(order: Order) -> bytes:
    """Return an order as canonical JSON: its request body with sorted names."""
    return orjson.dumps(unstructure_order(order), option=orjson.OPT_SORT_KEYS)


def fingerprint(request: OrderRequest) -> str:
    """Return the SHA-256 of user and order, hexadecimal: equal exactly when the same thing would be sent."""
    return _digest(request.user_id, body_of(request.order))


def order_key(request: OrderRequest) -> str:
    """Return the key of an order in a journal: its reference, or else a hash of user and order.

    `confirm` is no part of the hash: a draft and the confirmed order of the same things are one purchase, and the
    journal must notice when a run asks for the second after the first.

    Raises:
        ValidationError: The reference cannot be a key.
    """
    if request.reference is not None and request.reference.strip():
        reference = request.reference
        if reference.startswith(_HASHED):
            fault = Fault("reference", f"must not begin with {_HASHED}, which marks keys without a reference")
            raise ValidationError(faults=(fault,))
        if storable(reference) != reference:
            raise ValidationError(faults=(Fault("reference", "holds characters that no database can keep"),))
        return reference
    plain = unstructure_order(request.order)
    plain.pop("confirm", None)
    return _HASHED + _digest(request.user_id, orjson.dumps(plain, option=orjson.OPT_SORT_KEYS))


def _digest(user_id: str, body: bytes) -> str:
    digest = hashlib.sha256(orjson.dumps(user_id))
    digest.update(b"\n")
    digest.update(body)
    return digest.hexdigest()


def storable(text: str) -> str:
    """Return text without what PostgreSQL or UTF-8 cannot hold: NUL characters and lone surrogates."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def conflict_faults(key: str, *, stored: tuple[str, str], given: tuple[str, str]) -> tuple[Fault, ...]:
    """Return the differences between two orders of one key, each with the key and the place where it is.

    Args:
        key: The key of both.
        stored: User id and body of the order in the journal.
        given: User id and body of the order that came now.
    """
    found = differences(stored=stored, given=given)
    return tuple(Fault(f"{key}: {fault.path}", fault.message) for fault in found)


def differences(*, stored: tuple[str, str], given: tuple[str, str]) -> tuple[Fault, ...]:
    """Return the differences between two orders, each with the place where it is; the arguments are as above."""
    before, now = ({"user_id": user_id, "order": orjson.loads(body)} for user_id, body in (stored, given))
    return tuple(Fault(path.removeprefix("order."), message) for path, message in _differences(before, now, ""))


_MISSING = object()


def _differences(stored: Any, given: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(stored, dict) and isinstance(given, dict):
        for name in dict.fromkeys([*stored, *given]):
            inner = f"{path}.{name}".lstrip(".") if name.isidentifier() else f'{path}["{name}"]'
            yield from _differences(stored.get(name, _MISSING), given.get(name, _MISSING), inner)
    elif isinstance(stored, list) and isinstance(given, list):
        for index in range(max(len(stored), len(given))):
            before, now = (side[index] if index < len(side) else _MISSING for side in (stored, given))
            yield from _differences(before, now, f"{path}[{index}]")
    elif type(stored) is not type(given) or stored != given:
        yield path, f"the journal has {_shown(stored)}, now it is {_shown(given)}"


def _shown(value: Any) -> str:
    return "nothing" if value is _MISSING else orjson.dumps(value).decode()
