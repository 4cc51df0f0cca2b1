"""What the outcomes of a run add up to: counts, causes and rows, kept small however many orders there are."""

from __future__ import annotations

import re
from collections import Counter

import attrs

from ..errors import APIError, CMRError, OutcomeUnknownError
from ..models.requests import BulkSummary, OrderOutcome, OrderState, Verdict
from .rows import ResultRow

#: Unavailable domains that a summary names.
DOMAINS_NAMED = 10
#: Causes, and rows of orders that were not accepted, that are kept.
_MOST_KEPT = 200
_HASHED_KEY = re.compile("sha256:[0-9a-f]{64}")
#: What is left of the names of an order with several domains.
_SEVERAL = re.compile(r"\.\.\.(?:, \.\.\.)*(?: and \d+ more)?")
_SERVER_ERRORS = 500


@attrs.define(kw_only=True)
class RunReport:
    """What a run leaves to be reported."""

    #: Counts of the engine.
    summary: BulkSummary = attrs.field(factory=BulkSummary)
    #: Every order that has ended if there are few, else those that were not accepted, up to a limit.
    rows: list[ResultRow] = attrs.field(factory=list)
    #: Causes of orders that were not accepted, without the names of the orders.
    reasons: Counter[str] = attrs.field(factory=Counter)
    #: Row of the first order that was not started; `None`: all were.
    next_row: int | None = None
    #: Orders of which a request was started.
    sent: int = 0
    #: How many of the skipped orders were refused before, or are being sent by another run.
    left_alone: int = 0
    #: How many of the skipped orders were in doubt and then found to be placed.
    placed: int = 0
    #: How many of the orders that were not sent were in doubt and then found to be absent.
    absent: int = 0
    #: Accepted orders that the API took without some of their domains.
    incomplete: int = 0
    #: The first of these domains.
    unavailable: list[str] = attrs.field(factory=list)
    #: Orders that have ended and could not be written into the journal.
    unrecorded: int = 0
    #: Something that did not speak the API's language answered.
    foreign_answers: int = 0
    #: Why the run ended early; `None`: it did not.
    stopped: str | None = None
    #: Ctrl-C or SIGTERM interrupted it.
    interrupted: bool = False
    #: Classes of the errors, for advice.
    errors: set[type[CMRError]] = attrs.field(factory=set)

    def take(self, outcome: OrderOutcome, row: ResultRow, *, keep_all: bool) -> None:
        """Count an outcome; with `keep_all` its row is kept even if there is nothing wrong with it."""
        self.sent += outcome.attempts > 0
        self.placed += outcome.verdict is Verdict.PLACED and outcome.error is None
        self.absent += outcome.verdict is Verdict.ABSENT
        if outcome.unavailable_domains:
            self.incomplete += 1
            self.unavailable += outcome.unavailable_domains[: DOMAINS_NAMED - len(self.unavailable)]
        if outcome.error is not None:
            self.errors.add(type(outcome.error))
            self.left_alone += outcome.state is OrderState.SKIPPED
            status = outcome.error.status if isinstance(outcome.error, OutcomeUnknownError) else None
            self.foreign_answers += outcome.attempts > 0 and status is not None and status < _SERVER_ERRORS
        if outcome.state in {OrderState.ACCEPTED, OrderState.SKIPPED}:
            if keep_all:
                self.rows.append(row)
            return
        cause = cause_of(outcome)
        if cause in self.reasons or len(self.reasons) < _MOST_KEPT:
            self.reasons[cause] += 1
        if len(self.rows) < _MOST_KEPT:
            self.rows.append(row)


def cause_of(outcome: OrderOutcome) -> str:
    """Return why an order was not accepted, without its names, so that a thousand of one cause are counted as one."""
    error = outcome.error
    if error is None:
        return outcome.state.value
    text = error.message
    if isinstance(error, APIError) and error.status is not None and error.api_message:
        text = f"refused with {error.status}: {error.api_message}"
    request = outcome.request
    for name in sorted({*request.order.domain_names, request.reference or ""} - {""}, key=len, reverse=True):
        text = text.replace(name, "...")
    return _SEVERAL.sub("...", _HASHED_KEY.sub("...", text))
