"""The blocking client: every method of the async one, waiting for its result. Generated; do not edit.

`python tools/generate_blocking_client.py` writes this file from the async classes, and a test compares them. Each
method hands its arguments to the async method of the same name, so behaviour, errors and money rules exist once.
"""

from __future__ import annotations

import ssl as ssl_module
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

from ..bulk import Bulk as AsyncBulk
from ..bulk.feeds import Requests
from ..bulk.run import JournalLike
from ..client import AsyncClient
from ..core.account import SecretText
from ..core.pacing import DEFAULT_GAP, Pace
from ..core.processing import ProcessEndpoint
from ..core.retry import RetryPolicy
from ..journal.states import Step
from ..pipeline import Stall
from ..tracking.settings import TrackingSettings
from ..transport.transport import DEFAULT_MAX_ANSWER, Timeouts
from .bulk import BlockingBulkRun, pull_in_caller
from .iterator import BlockingIterator
from .lifetime import NO_LIFETIME, BlockingClient, Lifetime, as_tuple
from .resources import Domains, Orders, Subscriptions, Users

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import AbstractResolver

    from ..bulk.evidence import Finding
    from ..journal.records import JournalEntry
    from ..models.progress import OrderProgress


class Bulk:
    """Many orders at once: `client.bulk`."""

    def __init__(self, resource: AsyncBulk, lifetime: Lifetime) -> None:
        self._async = resource
        self._lifetime = lifetime

    def submit(
        self,
        requests: Requests,
        *,
        journal: JournalLike = None,
        concurrency: int = 8,
        stop_after_unknown: int = 3,
        retry_rejected: bool = False,
    ) -> BlockingBulkRun:
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
            The run: iterate it with `for`; `summary` has the counts, `stop()` ends it early.

        Raises:
            ConfigurationError: A number is out of range. Errors of single orders are in their outcomes.
            JournalError: While iterating: the journal cannot be used; orders in flight are drained first.
        """
        pulled, puller = pull_in_caller(requests)
        run = self._async.submit(
            pulled,
            journal=journal,
            concurrency=concurrency,
            stop_after_unknown=stop_after_unknown,
            retry_rejected=retry_rejected,
        )
        return BlockingBulkRun(self._lifetime, run, puller)

    def process(
        self,
        journal: JournalLike,
        *,
        references: Iterable[str] | None = None,
        concurrency: int = 8,
        stop_after_unknown: int = 3,
    ) -> BlockingBulkRun:
        """Process the accepted drafts of a journal: this spends money, once for each draft.

        It is journaled like the orders themselves, so it may be killed and started again. The path of the endpoint
        is not documented and must be set: `Client(endpoints={"orders.process": "/the/path"})`.

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
        run = self._async.process(
            journal, references=as_tuple(references), concurrency=concurrency, stop_after_unknown=stop_after_unknown
        )
        return BlockingBulkRun(self._lifetime, run)

    def track(
        self, journal: JournalLike, *, changes: bool = False, timeout: float | None = None
    ) -> BlockingIterator[OrderProgress]:
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
            ClientStateError: The client is closed, or this is its loop's own thread.
        """
        items = self._async.track(journal, changes=changes, timeout=timeout)
        return BlockingIterator(self._lifetime, items)

    def reconcile(
        self,
        journal: JournalLike,
        *,
        references: Iterable[str] | None = None,
        settle: float = 900.0,
        events: Iterable[Mapping[str, Any]] = (),
    ) -> BlockingIterator[Finding]:
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
            ClientStateError: The client is closed, or this is its loop's own thread.
        """
        items = self._async.reconcile(journal, references=as_tuple(references), settle=settle, events=as_tuple(events))
        return BlockingIterator(self._lifetime, items)

    def resubmit(
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
        return self._lifetime.call(
            self._async.resubmit, journal, reference, step=step, second_draft=second_draft, reason=reason
        )

    def resubmit_all(
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
        return self._lifetime.call(self._async.resubmit_all, journal, which, step=step, reason=reason)


class Client(BlockingClient):
    """Blocking client of the Cold Mail Reseller API.

    One client serves any number of threads, also inside a running event loop and on both sides of a fork. Every client
    of a process with the same key shares one pace. Use it as `with Client() as cmr:` or call `close()`.
    """

    #: Calls about orders.
    orders: Orders = Orders(AsyncClient.orders, NO_LIFETIME)
    #: Calls about users.
    users: Users = Users(AsyncClient.users, NO_LIFETIME)
    #: Calls about domains.
    domains: Domains = Domains(AsyncClient.domains, NO_LIFETIME)
    #: Calls about subscriptions.
    subscriptions: Subscriptions = Subscriptions(AsyncClient.subscriptions, NO_LIFETIME)
    #: Many orders at once.
    bulk: Bulk = Bulk(AsyncClient.bulk, NO_LIFETIME)

    def __init__(
        self,
        api_key: str | SecretText | Callable[[], str | SecretText] | None = None,
        base_url: str | None = None,
        *,
        key_header: str | None = None,
        gap: float = DEFAULT_GAP,
        leave_room: float = 0.0,
        pace: str | PathLike[str] | None = None,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
        endpoints: Mapping[str, str | ProcessEndpoint] | None = None,
        connector_factory: Callable[[], aiohttp.BaseConnector] | None = None,
        headers: Mapping[str, str] | None = None,
        proxy: str | None = None,
        proxy_headers: Mapping[str, str] | None = None,
        ssl: ssl_module.SSLContext | bool = True,
        trust_env: bool = False,
        resolver: AbstractResolver | None = None,
        local_addr: tuple[str, int] | None = None,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
        allow_plain_http: bool = False,
        max_answer: int = DEFAULT_MAX_ANSWER,
        tracking: TrackingSettings | None = None,
    ) -> None:
        """Make a client. Nothing is sent or opened before the first call.

        Args:
            api_key: Partner key, as text, as an object with `get_secret_value()`, or a function that returns one of
                these: it is asked at once and for each request, so that the key can change (pace and journals stay
                those of the first). Else the environment variable `CMR_API_KEY`.
            base_url: Base URL of the API; else `CMR_BASE_URL`; else production.
            key_header: Header that carries the key; else `CMR_KEY_HEADER`; else `cmr-x-api-key`. The sandbox
                takes `cmr-x-sandbox-api-key`; its base URL is not documented.
            gap: Seconds between two requests of this key, default 0.203 (98.5 % of 5 a second); 0 turns pacing
                off. All clients of a process with this key wait for one another.
            leave_room: Requests a second to leave to other programs that use the key, default 0.
            pace: Where all clients of this key keep one pace: a path, such as `pace.db`, for those of one machine; a
                URL of PostgreSQL for those of many; else `CMR_PACE`. Needs the extra `journal` or `postgres`. Default:
                clients of this process share one, and so do the runs on one journal.
            timeouts: Limits of each attempt.
            retry: How long repeatable attempts are repeated.
            endpoints: Paths of endpoints that are not documented, for example
                `{"orders.process": "/orders/process"}`; a `ProcessEndpoint` says where the ids go as well.
            connector_factory: Makes an aiohttp connector, for what the settings below cannot say. Called on the
                client's event loop, once for each session of the SDK's, also after a fork; the SDK closes what it
                makes. It must make a new one each time, with `force_close=True`. Default: a `TCPConnector`.
            headers: Further headers of each request, for example for a gateway. Default: none. Names that would
                change the call (`Content-Type`, `Authorization`, `Cookie`, the key's, ...) are refused.
            proxy: URL of an HTTP proxy, `http://user:password@host:port`. With a base URL of plain `http`, whose
                key it would read, it needs `allow_plain_http`. Default: none.
            proxy_headers: Headers for the proxy alone. Default: none.
            ssl: An `ssl.SSLContext`, or `False` to skip the check of certificates, which warns once. Default: `True`,
                checked by the certificates of this machine.
            trust_env: Take the proxy from the environment (`HTTPS_PROXY`, `NO_PROXY`), as it is when the client is
                made; never credentials from `.netrc`. Default: `False`.
            resolver: Looks host names up, on sessions of the SDK's; you close it. Default: aiohttp's own.
            local_addr: Host and port to connect from, on sessions of the SDK's; port 0: any. Default: the system
                chooses.
            trace_configs: Your aiohttp traces, run on sessions of the SDK's. They see the headers, the key included.
                Default: none.
            allow_plain_http: Allow `http://` to other hosts than this one, and through a proxy. The key is then
                readable on the way.
            max_answer: Bytes of an answer that are read at most, after decompression; default 1 MiB. An order whose
                answer is longer is unknown.
            tracking: How `orders.wait`, `orders.wait_all` and `bulk.track` wait.

        Raises:
            ConfigurationError: A setting is missing or wrong; the message says which and how to set it.
        """
        try:
            super().__init__(
                AsyncClient(
                    api_key,
                    base_url,
                    key_header=key_header,
                    gap=gap,
                    leave_room=leave_room,
                    pace=pace,
                    timeouts=timeouts,
                    retry=retry,
                    endpoints=endpoints,
                    connector_factory=connector_factory,
                    headers=headers,
                    proxy=proxy,
                    proxy_headers=proxy_headers,
                    ssl=ssl,
                    trust_env=trust_env,
                    resolver=resolver,
                    local_addr=local_addr,
                    trace_configs=trace_configs,
                    allow_plain_http=allow_plain_http,
                    max_answer=max_answer,
                    tracking=tracking,
                )
            )
        finally:  # tracebacks can show what the frames hold
            del api_key, base_url, key_header, headers, proxy, proxy_headers, pace
        self.orders = Orders(self._async.orders, self._lifetime)
        self.users = Users(self._async.users, self._lifetime)
        self.domains = Domains(self._async.domains, self._lifetime)
        self.subscriptions = Subscriptions(self._async.subscriptions, self._lifetime)
        self.bulk = Bulk(self._async.bulk, self._lifetime)

    @property
    def pace(self) -> Pace:
        """How fast requests may leave now: the gap, the limit that was measured, the pause, and how many wait."""
        return self._async.pace

    @property
    def stall(self) -> Stall | None:
        """Why calls under way get nowhere (no connection, no answer) and for how long; `None`: no sign of that."""
        return self._async.stall
