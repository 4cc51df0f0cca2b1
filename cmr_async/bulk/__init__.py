"""Bulk orders: `client.bulk`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from ..core.endpoints import require_path
from ..core.retry import is_duration
from ..errors import ConfigurationError
from ..journal.states import Step
from ..models.requests import BulkSummary, OrderOutcome, OrderRequest, OrderState
from ..pipeline import Pipeline
from .feeds import DraftFeed, Feed, RequestFeed, Requests
from .run import BulkRun, JournalLike, opened, with_shared_pace

if TYPE_CHECKING:
    from ..journal.journal import Journal
    from ..journal.records import JournalEntry
    from ..models.progress import OrderProgress
    from ..resources.waiter import Waiter
    from .evidence import Finding

__all__ = ["Bulk", "BulkRun", "BulkSummary", "OrderOutcome", "OrderRequest", "OrderState"]


class Bulk:
    """Many orders at once: `client.bulk`."""

    def __init__(self, pipeline: Pipeline, waiting: Waiter | None = None) -> None:
        """Make the runs of one client, through its pipeline; `waiting` waits for accepted orders."""
        self._pipeline = pipeline
        self._waiting = waiting

    def submit(
        self,
        requests: Requests,
        *,
        journal: JournalLike = None,
        concurrency: int = 8,
        stop_after_unknown: int = 3,
        retry_rejected: bool = False,
    ) -> BulkRun:
        """Submit many orders and yield each outcome as it completes; failures are returned, not raised.

        With a journal the run may be killed at any instant and started again: an order that the journal knows as
        accepted is skipped, an unknown one is reported as unknown and left alone, and nothing is sent twice. All
        processes on one journal share one pace. A confirmed order whose draft the journal knows is no second order:
        its draft is processed, for which the path of `orders.process` must be set.

        Args:
            requests: Any iterable or async iterable of `OrderRequest`; pulled as there is room. Each order's own
                `confirm` decides whether it spends money.
            journal: A path (`run.db`, SQLite), a URL (`postgresql://...`), or an open `Journal`; needs the extra
                `journal`. `None`: nothing is written down.
            concurrency: Orders under way at once, at least 1. The pace of the key holds for all of them together.
            stop_after_unknown: Start no further order after so many outcomes in a row that were unknown or could
                not be sent. A 401 or 402 stops the run at once, the same refusal of the first three orders as
                well; after three 403 in a row of one user, that user's further orders are not sent.
            retry_rejected: Send orders again that the API refused in earlier runs. A corrected order is sent in any
                case.

        Returns:
            The run: iterate it with `async for`; `summary` has the counts, `stop()` ends it early.

        Raises:
            ConfigurationError: A number is out of range. Errors of single orders are in their outcomes.
            JournalError: While iterating: the journal cannot be used; orders in flight are drained first.
        """
        return self._run(partial(RequestFeed, requests), journal, concurrency, stop_after_unknown, retry_rejected)

    def process(
        self,
        journal: JournalLike,
        *,
        references: Iterable[str] | None = None,
        concurrency: int = 8,
        stop_after_unknown: int = 3,
    ) -> BulkRun:
        """Process the accepted drafts of a journal: this spends money, once for each draft.

        It is journaled like the orders themselves, so it may be killed and started again. The path of the endpoint
        is not documented and must be set: `AsyncClient(endpoints={"orders.process": "/the/path"})`.

        Args:
            journal: A path (SQLite), a URL (PostgreSQL), or an open `Journal`.
            references: Keys of the drafts to process; `None`: all of them.
            concurrency: Drafts under way at once, at least 1.
            stop_after_unknown: As in `submit`.

        Returns:
            The run, as `submit` returns it; `order_id` of its outcomes is the draft's.

        Raises:
            ConfigurationError: A number is out of range, or while iterating: the journal is missing.
            JournalError: While iterating: the journal cannot be used.
        """
        require_path(self._pipeline.endpoints["orders.process"])
        return self._run(partial(DraftFeed, references), journal, concurrency, stop_after_unknown)

    async def track(
        self, journal: JournalLike, *, changes: bool = False, timeout: float | None = None
    ) -> AsyncGenerator[OrderProgress, None]:
        """Wait for the domains and mailboxes of every paid order of a journal that the API accepted. It only reads.

        What is seen is written into the journal, so that a killed process, or another one, goes on from there. What a
        webhook receiver writes into it counts as well. Orders that are accepted meanwhile are waited for too; it ends
        when all that are accepted by then are settled. Nobody can wait for an order whose id is not known: one in
        doubt, or one that only its domains prove.

        Args:
            journal: A path (SQLite), a URL (PostgreSQL), or an open `Journal`; it must belong to this client's account.
            changes: Yield an order also whenever more is known of it, and once at first.
            timeout: Seconds to wait; `None`: until every order is settled.

        Yields:
            Each order once it is settled; when the time is over, those that are not, with `is_settled` false.

        Raises:
            JournalError: The journal cannot be used, or belongs to another account.
            ConfigurationError: There is no journal, or `timeout` is no number of seconds.
            ClientStateError: The client is closed or belongs to another event loop.
        """
        if self._waiting is None:
            raise ConfigurationError("Only the orders of a client can be waited for.")
        async with aclosing(self._waiting.journal(journal, timeout=timeout, changes=changes)) as found:
            async for progress in found:
                yield progress

    async def reconcile(
        self,
        journal: JournalLike,
        *,
        references: Iterable[str] | None = None,
        settle: float = 900.0,
        events: Iterable[Mapping[str, Any]] = (),
    ) -> AsyncGenerator[Finding, None]:
        """Find out what became of the unknown orders of a journal, and write each verdict into it.

        It only reads from the API. An order with the verdict `absent` may be resubmitted (`bulk.resubmit`); nothing is
        sent again by itself. `absent` is given only where the look-ups would have shown the order: never to drafts,
        never to orders that add mailboxes to a domain without registering it.

        Args:
            journal: A path (SQLite), a URL (PostgreSQL), or an open `Journal`; it must belong to this client's account.
            references: Keys of the orders to look up, those that are unknown; `None`: every unknown order.
            settle: Seconds that must have passed since the send before an order can be called absent. With fewer than
                the default, an order that the API is still working on can be called absent, and is bought twice if it
                is sent again.
            events: Webhook events as CMR delivered them, each a mapping with `event` and `data`. Those that a
                `webhooks.Receiver` took into the same journal are evidence without being given here.

        Yields:
            A `Finding` for each unknown order: its entry, the verdict (`None`: not enough evidence) and the evidence in
            words. An order that somebody else changed during the look-ups has no verdict: look again.

        Raises:
            JournalError: The journal cannot be used, or belongs to another account.
            ConfigurationError: There is no journal, or `settle` is no number of seconds.
            ClientStateError: The client is closed or belongs to another event loop.
        """
        from .reconcile import Reconciler  # noqa: PLC0415 - only who reconciles needs it, and it costs import time

        if not is_duration(settle, zero=True):
            raise ConfigurationError(f"settle must be 0 or more seconds: got {settle!r:.40}.")
        # What another account or API shows proves nothing about the orders of this journal
        async with opened(journal, pipeline=self._pipeline) as opened_journal:
            if opened_journal is None:
                raise ConfigurationError("Reconciling needs the journal of the run.")
            paced = with_shared_pace(self._pipeline, opened_journal)
            reconciler = Reconciler(pipeline=paced, settle=settle, events=tuple(events))
            async for finding in reconciler.find(opened_journal, references=references):
                yield finding

    async def resubmit(
        self,
        journal: JournalLike,
        reference: str,
        *,
        step: Step = Step.CREATE,
        second_draft: bool = False,
        reason: str = "asked for by its reference",
    ) -> JournalEntry:
        """Plan one order again, so that the next run on the journal sends it; this call sends nothing.

        It must be an order that bought nothing: unknown with the verdict `absent`, or refused.

        Args:
            journal: A path (SQLite), a URL (PostgreSQL), or an open `Journal`.
            reference: The order's key in the journal: its reference, or the hash that stands for one.
            step: Which step of the order: `create`, or the `process` step of a draft.
            second_draft: Plan a draft in doubt again as well. No look-up shows whether it exists, and a second draft
                costs nothing; only the one that the journal knows is ever processed by this package.
            reason: Why, in words, for the history.

        Returns:
            The journal's entry, which is `planned` now.

        Raises:
            JournalError: There is no such order, or it may have been placed; run `reconcile` first.
            ConfigurationError: There is no journal.
        """
        async with opened(journal) as opened_journal:
            if opened_journal is None:
                raise ConfigurationError("Resubmitting needs the journal of the run.")
            return await opened_journal.resubmit(reference, step=step, second_draft=second_draft, reason=reason)

    async def resubmit_all(
        self,
        journal: JournalLike,
        which: Literal["absent", "rejected", "drafts"],
        *,
        step: Step = Step.CREATE,
        reason: str = "asked for with all of its kind",
    ) -> list[str]:
        """Plan every order of one kind again, so that the next run on the journal sends them; this call sends nothing.

        An order that somebody else changes meanwhile is left out.

        Args:
            journal: A path (SQLite), a URL (PostgreSQL), or an open `Journal`.
            which: `absent`: unknown orders with that verdict. `rejected`: orders that were refused. `drafts`: drafts
                in doubt, of which no look-up shows whether they exist; a second draft costs nothing.
            step: Which step of the orders: `create`, or the `process` step of drafts.
            reason: Why, in words, for the history.

        Returns:
            The keys of the orders, which are `planned` now.

        Raises:
            JournalError: The journal cannot be used.
            ConfigurationError: There is no journal, or no such kind.
        """
        async with opened(journal) as opened_journal:
            if opened_journal is None:
                raise ConfigurationError("Resubmitting needs the journal of the run.")
            from .reconcile import resubmit_all  # noqa: PLC0415 - as in `reconcile`

            return await resubmit_all(opened_journal, which, step=step, reason=reason)

    def _run(
        self,
        feed: Callable[[Journal | None], Feed],
        journal: JournalLike,
        concurrency: int,
        stop_after_unknown: int,
        retry_rejected: bool = False,
    ) -> BulkRun:
        if any(type(number) is not int or number < 1 for number in (concurrency, stop_after_unknown)):
            raise ConfigurationError("concurrency and stop_after_unknown must be 1 or more.")
        return BulkRun(
            self._pipeline,
            feed,
            journal=journal,
            concurrency=concurrency,
            stop_after_unknown=stop_after_unknown,
            retry_rejected=retry_rejected,
        )
