"""When a run stops by itself: rules about outcomes, without a loop or a journal."""

from __future__ import annotations

from collections import Counter

import attrs

from ..errors import (
    APIError,
    AuthenticationError,
    InsufficientBalanceError,
    NotSentError,
    PermissionDeniedError,
    RateLimitError,
)
from ..journal.states import Step
from ..models.requests import OrderOutcome, OrderRequest, OrderState
from .sending import Ended

#: The first orders of a run that get the same refusal show that a setting is wrong.
_SAME_REFUSALS = 3
#: Refusals with 403 in a row after which a user's further orders are held back.
_FORBIDDEN = 3

#: What is the first to be wrong when drafts are processed.
_PATH = (
    'the path of "Process the Order" first, which is not documented (--path, --process-path, CMR_PROCESS_PATH, or '
    "`endpoints` in Python), then at "
)
_SAFE = "Sending it again is safe."


@attrs.define(kw_only=True, eq=False, repr=False)
class StopRules:
    """Decides after each outcome whether a run goes on, and which users' orders it holds back."""

    #: Stop after so many outcomes in a row that were unknown or could not be sent.
    after_unknown: int
    #: Why the run starts no further order; `None`: it goes on.
    stopped: str | None = None
    #: Orders whose refusal showed that a setting is wrong: they bought nothing and can be sent by the next run.
    blameless: list[Ended] = attrs.field(factory=list)
    _in_doubt: int = 0
    _forbidden: Counter[str] = attrs.field(factory=Counter)
    _first: list[Ended] | None = attrs.field(factory=list)

    def stop(self, reason: str) -> None:
        """Stop for a reason from outside; the first reason stays."""
        if self.stopped is None:
            self.stopped = reason

    @property
    def held_users(self) -> tuple[str, ...]:
        """Users whose further orders are not sent, because the API forbade several of them in a row."""
        return tuple(user_id for user_id, count in self._forbidden.items() if count >= _FORBIDDEN)

    def veto(self, request: OrderRequest) -> str | None:
        """Return why an order whose turn has come is not sent; `None`: it may go."""
        if self.stopped is not None:
            return f"its run had stopped before its turn came. {_SAFE}"
        if self._forbidden[request.user_id] >= _FORBIDDEN:
            return f"the API refused {_FORBIDDEN} orders in a row of its user with 403. {_SAFE}"
        return None

    def take(self, ended: Ended) -> None:
        """Learn how an order ended."""
        outcome = ended.outcome
        self._count_forbidden(outcome)
        self._count_in_doubt(outcome)
        self._compare_first(ended)
        match outcome.error:
            case AuthenticationError():
                self.stop("the API refused the key (401): look at CMR_API_KEY")
            case InsufficientBalanceError():
                self.stop("the wallet does not hold enough (402): top it up")
            case _ if self._in_doubt >= self.after_unknown:
                self.stop(f"{self._in_doubt} orders in a row without a clear outcome")

    def _count_forbidden(self, outcome: OrderOutcome) -> None:
        user_id = outcome.request.user_id
        if isinstance(outcome.error, PermissionDeniedError):
            self._forbidden[user_id] += 1
        elif outcome.state is OrderState.ACCEPTED:
            self._forbidden.pop(user_id, None)

    def _count_in_doubt(self, outcome: OrderOutcome) -> None:
        if outcome.state in {OrderState.ACCEPTED, OrderState.REJECTED}:
            self._in_doubt = 0
        elif outcome.attempts > 0:  # else it was not sent by this run: vetoed, or settled in the journal
            unclear = outcome.state is OrderState.UNKNOWN or isinstance(outcome.error, NotSentError | RateLimitError)
            self._in_doubt += unclear

    def _compare_first(self, ended: Ended) -> None:
        first, outcome = self._first, ended.outcome
        if first is None or outcome.attempts == 0:
            return
        if _refusal(outcome) is None or (first and _refusal(first[0].outcome) != _refusal(outcome)):
            self._first = None  # the first orders did not all end in the same way
            return
        first.append(ended)
        if len(first) == _SAME_REFUSALS:
            self.blameless += first
            processes = ended.entry is not None and ended.entry.step is Step.PROCESS
            self.stop(
                f"the first {_SAME_REFUSALS} orders were refused in the same way ({outcome.error}). Look at "
                f"{_PATH if processes else ''}CMR_BASE_URL and at the user id; what was refused is sent again by the "
                "next run"
            )
        elif len(first) > _SAME_REFUSALS:
            self.blameless.append(ended)


def _refusal(outcome: OrderOutcome) -> tuple[int | None, str] | None:
    """Return the refusal of an order by the API, to be compared with that of another; `None` without one."""
    error = outcome.error
    if outcome.state is not OrderState.REJECTED or not isinstance(error, APIError):
        return None
    return error.status, error.api_message
