"""The records of a journal: entries, the changes that made them, and claims.

An entry is one step of one order. Nothing here touches a database.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import attrs
import orjson

from ..core.order.domain_names import normalise_domain
from ..core.redact import Redactor
from ..core.wire import restore_mailbox_order, restore_order
from ..errors import JournalError
from ..models import MailboxOrder, Order
from ..models.progress import OrderToken
from ..models.requests import OrderRequest, Verdict
from .states import OrderKind, Step, StepState


class StillOwnedError(JournalError):
    """The process that claimed an attempt is still there and may send it: nothing was changed."""


#: Characters that are kept, and read, of what the API or the SDK said about a step.
LONGEST_SAID = 100_000


@attrs.frozen(kw_only=True, eq=False)
class Claim:
    """The right to send one step once, and the duty to record how it ended."""

    #: Key of the order.
    key: str
    #: Which step of it.
    step: Step
    #: Token of this attempt; a later claim of the same step has another.
    token: str
    #: When it was claimed, UTC epoch in seconds.
    at: float
    #: When it was asked for, on the clock of its process; see `Journal.holds`.
    taken: float = 0.0


@attrs.frozen(kw_only=True)
class JournalEvent:
    """One change of a step, as the journal's history keeps it."""

    #: When, UTC epoch in seconds.
    at: float
    #: Key of the order.
    key: str
    #: Which step of it.
    step: Step
    #: The new state; `verdict:...` for a verdict; `late:...` for an outcome that came too late to count;
    #: `corrected` for an order that took the place of one that only differs in `confirm`.
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
class JournalEntry:
    """Everything that the journal knows about one step of one order. No secret is in it."""

    #: The order's key: its reference, or `sha256:` and the hash of user and order.
    key: str
    #: Which step this is.
    step: Step
    #: Position of the order in the input, from 0.
    position: int
    #: Id of the user who owns the order.
    user_id: str
    #: The caller's own name for the order; `None`: none was given, and the key is a hash.
    reference: str | None
    #: The request body of the order as text, the very text that is sent: JSON with sorted names.
    body: str
    #: SHA-256 of user id and body, hexadecimal.
    fingerprint: str
    #: `True`: the order was to be paid at once; `False`: a draft.
    confirm: bool
    #: Where the step stands.
    state: StepState
    #: SHA-256 of user id and order without `confirm`, hexadecimal: a draft and its payment have the same.
    content: str = ""
    #: Which endpoint the order is for.
    kind: OrderKind = OrderKind.ORDER
    #: `True`: the step is `unknown` because its owner died, not because the owner said so.
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
    #: Domains that the API named as unavailable when it accepted the order.
    unavailable: tuple[str, ...] = ()
    #: HTTP status of the answer; `None` without an answer.
    status: int | None = None
    #: What the API or the SDK said.
    message: str = ""
    #: First bytes of the answer to an `unknown`, as text.
    body_excerpt: str = ""
    #: When it was added, UTC epoch in seconds.
    planned_at: float
    #: When it was claimed last; `None` before.
    sent_at: float | None = None
    #: When the last outcome was written; `None` before.
    ended_at: float | None = None
    #: When the verdict was written; `None` before.
    verdict_at: float | None = None

    @property
    def order(self) -> Order | MailboxOrder:
        """The order, read from its body.

        Raises:
            ValidationError: The body in the database was edited and is no order any more.
        """
        body = orjson.loads(self.body)
        return restore_mailbox_order(body) if self.kind is OrderKind.MAILBOX_ORDER else restore_order(body)

    @property
    def request(self) -> OrderRequest:
        """The order as an item of a bulk run."""
        return OrderRequest(user_id=self.user_id, order=self.order, reference=self.reference)

    @property
    def domains(self) -> tuple[str, ...]:
        """Every domain of the order, once each."""
        body = orjson.loads(self.body)
        named = (entry.get("domain", "") for entry in body.get("domains", ()))
        return tuple(dict.fromkeys([*named, *body.get("mailboxes", {})]))

    @property
    def known_at(self) -> float | None:
        """When its last outcome or verdict was written, UTC epoch in seconds; `None` before."""
        return self.ended_at if self.verdict_at is None else self.verdict_at

    def order_token(self, *, origin: str = "") -> OrderToken:
        """Return what it takes to wait for the order; its id must be known.

        Args:
            origin: Scheme, host and port of the API.

        Raises:
            ValidationError: The body in the database was edited and is no order any more.
        """
        return OrderToken.of(
            self.order,
            self.order_id or "",
            user_id=self.user_id,
            unavailable=[normalise_domain(name) or name for name in self.unavailable],
            placed_at=self.ended_at or 0.0,
            reference=self.reference,
            origin=origin,
        )

    def plain(self) -> dict[str, Any]:
        """Return the entry as one flat row for CSV and JSON lines: `JOURNAL_COLUMNS`, times as ISO 8601 in UTC.

        Texts of answers are redacted once more: an older version of this package may have written them.
        """
        body = orjson.loads(self.body)
        row: dict[str, Any] = {name: getattr(self, name) for name in JOURNAL_COLUMNS if name not in _DERIVED}
        row |= {name: _iso(row[name]) for name in ("planned_at", "sent_at", "ended_at", "verdict_at")}
        row |= {name: str(row[name]) for name in ("step", "state", "kind")}
        row |= {name: _REDACTOR.text(row[name]) for name in ("message", "evidence", "body_excerpt")}
        row["verdict"] = str(self.verdict) if self.verdict else None
        row["domains"], row["unavailable"] = " ".join(self.domains), " ".join(self.unavailable)
        row["mailboxes"] = sum(map(len, body.get("mailboxes", {}).values()))
        return {name: row[name] for name in JOURNAL_COLUMNS}


_REDACTOR = Redactor()
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
    "kind",
    *_DERIVED,
    "confirm",
    "order_id",
    "action_id",
    "unavailable",
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


def storable(text: str) -> str:
    """Return text in which NUL characters and lone surrogates are replaced, since PostgreSQL and UTF-8 have none."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def excerpt(text: str) -> str:
    """Return text as a journal keeps what was said: storable, and cut where nobody reads on."""
    return storable(text[:LONGEST_SAID])


def verdict_of(word: str | None) -> Verdict | None:
    """Return a verdict as a column of any version of the schema has it; version 1 has another word for `placed`."""
    return Verdict.PLACED if word == "confirmed" else None if word is None else Verdict(word)
