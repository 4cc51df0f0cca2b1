"""The blocking client: every method of the async one, waiting for its result. Generated; do not edit.

`python tools/generate_blocking_client.py` writes this file from the async classes, and a test compares them. Each
method hands its arguments to the async method of the same name, so behaviour, errors and money rules exist once.
"""

from __future__ import annotations

import ssl as ssl_module
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from ..bulk import Bulk as AsyncBulk
from ..bulk.feeds import Requests
from ..bulk.reconcile import Finding
from ..bulk.run import JournalLike
from ..client import AsyncClient
from ..core.pacing import DEFAULT_GAP
from ..core.processing import ProcessEndpoint
from ..core.retry import RetryPolicy
from ..journal.records import JournalEntry, Step
from ..models import Envelope, Order, OrderCreated, ServiceProvider
from ..models.checks import OrderPreflight
from ..resources.domains import Domains as AsyncDomains
from ..resources.orders import Orders as AsyncOrders
from ..resources.subscriptions import Subscriptions as AsyncSubscriptions
from ..resources.users import Users as AsyncUsers
from ..transport import Timeouts
from .bulk import BlockingBulkRun, pull_in_caller
from .iterator import BlockingIterator
from .lifetime import NO_LIFETIME, BlockingClient, Lifetime, as_tuple

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import AbstractResolver

__all__ = ["Bulk", "Client", "Domains", "Orders", "Subscriptions", "Users"]


class Orders:
    """Calls about orders: `client.orders`."""

    def __init__(self, resource: AsyncOrders, lifetime: Lifetime) -> None:
        self._async = resource
        self._lifetime = lifetime

    def create(
        self,
        order: Order,
        *,
        user_id: str,
        reference: str | None = None,
        journal: JournalLike = None,
        timeout: float | None = None,
        send_within: float | None = None,
    ) -> OrderCreated:
        """Create an order. It spends money only with `Order(confirm=True)`; otherwise it makes a draft.

        It is sent at most once: a refusal (429) and a request that could not leave are repeated within the
        client's time budget, a lost answer never is.

        Args:
            order: Domains to register and mailboxes to create. Checked before anything is sent.
            user_id: Id of the user who will own them, as the API returned it.
            reference: Your own name for the order in the journal; `None`: a hash of user and order.
            journal: A path (`orders.db`, SQLite), a URL (`postgresql://...`), or an open `Journal`. With it, an order
                that is asked for several times, also at once and from several processes, is sent once, and everybody
                gets its outcome. In a service, open one `Journal` for the life of the client.
            timeout: Seconds to wait for the answer; `None`: the client's `Timeouts.read` (120). A short one
                turns slow answers into unknown outcomes.
            send_within: Seconds within which the request must leave, waits for the pace included, else
                `NotSentError`; `None`: no limit. It never makes an order unknown.

        Returns:
            The order's id and what the API said. Accepted means queued, provisioning results come later.

        Raises:
            ValidationError: The order has faults; nothing was sent. Correct every fault it lists.
            APIError: The API refused (`AuthenticationError`, `InsufficientBalanceError`, ...); nothing was bought.
            NotSentError: It could not leave this machine; sending it again is safe.
            RateLimitError: Refused with 429 until the time budget ended; sending it again is safe.
            OutcomeUnknownError: It may have been placed. Do not send it again.
            OrderPlacedError: The caller cut the call short (a time limit, Ctrl-C) after the order had gone out, and it
                was placed. If that is not known: `OutcomeUnknownError`, never a bare `TimeoutError`.
            JournalError: The journal cannot be used; nothing was sent.
            ClientStateError: The client is closed, or this is its loop's own thread.

        Warns:
            OrderWarning: Something that the API's page leaves open, for example one user name twice.

        Source: https://docs.coldmailreseller.com/creates-order-json-14632249e0
        """
        return self._lifetime.call(
            self._async.create,
            order,
            user_id=user_id,
            reference=reference,
            journal=journal,
            timeout=timeout,
            send_within=send_within,
        )

    def preflight(self, order: Order, *, user_id: str, timeout: float | None = None) -> OrderPreflight:
        """Ask the API about an order before it is sent: does any of its domains have a workspace? It only reads.

        One request for each domain. The help centre says to check availability first, then the workspace, then to
        order; no source says how availability is asked. What is found is true for the moment: the API checks the
        workspace again as it processes the order.

        Args:
            order: The order, checked as `create` checks it.
            user_id: Id of the user who would own it; the workspace check does not take it.
            timeout: Seconds to wait for each answer; `None`: the client's `Timeouts.read` (120).

        Returns:
            What was asked and what the API said, with the raw answers; `problems` are the domains to look at.

        Raises:
            ValidationError: The order has faults; nothing was asked.
            APIError: The API refused for another reason than the domain, such as the key.
            TransportError: No answer within the client's time budget.
            ServerError: The API failed (5xx) until the time budget ended.
            InvalidResponseError: What came was not an answer of the API.
            ClientStateError: The client is closed, or this is its loop's own thread.

        Source: reference, sections 10.4 and 14.
        """
        return self._lifetime.call(self._async.preflight, order, user_id=user_id, timeout=timeout)

    def process(
        self, order_id: str, *, user_id: str, timeout: float | None = None, send_within: float | None = None
    ) -> Envelope:
        """Process a draft: this spends money. Its path is not documented, so it must be set first.

        Where its ids go is not documented either. Unless a `ProcessEndpoint` says otherwise, `userId` goes into the
        query, as in the documented calls about orders, and `orderId` into the JSON body: both are guesses.

        Args:
            order_id: Id of an order that was created with `confirm=False`. How long such an order lives is not
                documented.
            user_id: Id of the user who owns it.
            timeout: Seconds to wait for the answer; `None`: the client's `Timeouts.read` (120).
            send_within: As in `create`.

        Returns:
            The envelope with plain `data`.

        Raises:
            EndpointNotConfiguredError: Set it: `Client(endpoints={"orders.process": "/the/path"})`.
            OutcomeUnknownError: It may have been processed. Do not send it again.
            CMRError: As `create`.

        Source: reference, section 10.1, "Process the Order".
        """
        return self._lifetime.call(
            self._async.process, order_id, user_id=user_id, timeout=timeout, send_within=send_within
        )

    def status(self, order_id: str, *, user_id: str, timeout: float | None = None) -> Envelope:
        """Look up an order. The shape of the answer is not documented, so it comes as plain `data`.

        Args:
            order_id: The order's id.
            user_id: Id of the user who owns it.
            timeout: Seconds to wait for the answer; `None`: the client's `Timeouts.read` (120).

        Returns:
            The envelope with plain `data`.

        Raises:
            APIError: The API refused.
            TransportError: No answer within the client's time budget.
            ServerError: The API failed (5xx) until the time budget ended.
            InvalidResponseError: What came was not an answer of the API.
            ClientStateError: The client is closed, or this is its loop's own thread.

        Source: reference, section 10.1, "Get Order Status".
        """
        return self._lifetime.call(self._async.status, order_id, user_id=user_id, timeout=timeout)


class Users:
    """Calls about users: `client.users`."""

    def __init__(self, resource: AsyncUsers, lifetime: Lifetime) -> None:
        self._async = resource
        self._lifetime = lifetime

    def get(self, user_id: str, *, timeout: float | None = None) -> Envelope:
        """Look up a user. The shape of the answer is not documented, so it comes as plain `data`.

        Args:
            user_id: Id of the user, as the API returned it.
            timeout: Seconds to wait for the answer; `None`: the client's `Timeouts.read` (120).

        Returns:
            The envelope with plain `data`.

        Raises:
            APIError: The API refused, for example because there is no such user.
            TransportError: No answer within the client's time budget.
            ServerError: The API failed (5xx) until the time budget ended.
            InvalidResponseError: What came was not an answer of the API.
            ClientStateError: The client is closed, or this is its loop's own thread.

        Source: reference, section 10.2, "Get User Details".
        """
        return self._lifetime.call(self._async.get, user_id, timeout=timeout)


class Domains:
    """Calls about domains: `client.domains`."""

    def __init__(self, resource: AsyncDomains, lifetime: Lifetime) -> None:
        self._async = resource
        self._lifetime = lifetime

    def by_user(self, user_id: str, *, timeout: float | None = None) -> Envelope:
        """List a user's domains. The shape of the answer is not documented, so it comes as plain `data`.

        An empty list proves nothing by itself: a wrong `user_id` gives one as well. Ask `users.get` first.

        Args:
            user_id: Id of the user, as the API returned it.
            timeout: Seconds to wait for the answer; `None`: the client's `Timeouts.read` (120).

        Returns:
            The envelope with plain `data`. Whether the list comes in pages is not documented.

        Raises:
            APIError: The API refused.
            TransportError: No answer within the client's time budget.
            ServerError: The API failed (5xx) until the time budget ended.
            InvalidResponseError: What came was not an answer of the API.
            ClientStateError: The client is closed, or this is its loop's own thread.

        Source: reference, section 10.4, "Get Domains For User".
        """
        return self._lifetime.call(self._async.by_user, user_id, timeout=timeout)

    def has_workspace(
        self, domain: str, *, service_provider: ServiceProvider | str | None = None, timeout: float | None = None
    ) -> Envelope:
        """Ask whether a workspace exists for a domain, which would make an order for it fail. It only reads.

        The answer of a domain without a workspace has the message `Workspace not exists` and no data. What the API says
        of one that has a workspace is not documented, so the answer comes as it is.

        Args:
            domain: The domain's name.
            service_provider: `GOOGLE` or `MICROSOFT`; `None` leaves it out.
            timeout: Seconds to wait for the answer; `None`: the client's `Timeouts.read` (120). The API itself
                gives a domain 15 seconds.

        Returns:
            The envelope with plain `data`.

        Raises:
            APIError: The API refused; `ConflictError` (409) is its status for workspace conflicts.
            TransportError: No answer within the client's time budget.
            ServerError: The API failed (5xx) until the time budget ended.
            InvalidResponseError: What came was not an answer of the API.
            ClientStateError: The client is closed, or this is its loop's own thread.

        Source: reference, section 10.4, "Check If Workspace Exists".
        """
        return self._lifetime.call(
            self._async.has_workspace, domain, service_provider=service_provider, timeout=timeout
        )


class Subscriptions:
    """Calls about subscriptions: `client.subscriptions`."""

    def __init__(self, resource: AsyncSubscriptions, lifetime: Lifetime) -> None:
        self._async = resource
        self._lifetime = lifetime

    def list(
        self,
        *,
        domain: str | None = None,
        status: str | None = None,
        page: int | None = None,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> Envelope:
        """List subscriptions of all users of the partner, one page at a time.

        Args:
            domain: Only those of this domain.
            status: Only those with this status, for example `ACTIVE`.
            page: Page, from 1; the API's default is 1.
            limit: Subscriptions a page; the API's default is 50.
            timeout: Seconds to wait for the answer; `None`: the client's `Timeouts.read` (120).

        Returns:
            The envelope; `data["subscriptions"]` is the list, `data["pagination"]` has `currentPage` and
            `totalPages`. The page's own sample has a `nextPage` beyond the last, so compare those two.

        Raises:
            APIError: The API refused.
            TransportError: No answer within the client's time budget.
            ServerError: The API failed (5xx) until the time budget ended.
            InvalidResponseError: What came was not an answer of the API.
            ClientStateError: The client is closed, or this is its loop's own thread.

        Source: https://docs.coldmailreseller.com/get-all-subscriptions-13454648e0
        """
        return self._lifetime.call(
            self._async.list, domain=domain, status=status, page=page, limit=limit, timeout=timeout
        )


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
            settle: Seconds that must have passed since the send before an order can be called absent.
            events: Webhook events as CMR delivered them, each a mapping with `event` and `data`.

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
        api_key: str | None = None,
        base_url: str | None = None,
        *,
        key_header: str | None = None,
        gap: float = DEFAULT_GAP,
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
    ) -> None:
        """Make a client. Nothing is sent or opened before the first call.

        Args:
            api_key: Partner key; else the environment variable `CMR_API_KEY`.
            base_url: Base URL of the API; else `CMR_BASE_URL`; else production.
            key_header: Header that carries the key; else `CMR_KEY_HEADER`; else `cmr-x-api-key`. The sandbox
                takes `cmr-x-sandbox-api-key`; its base URL is not documented.
            gap: Seconds between two requests of this key, default 0.203 (98.5 % of 5 a second); 0 turns pacing
                off. All clients of a process with this key wait for one another.
            timeouts: Limits of each attempt.
            retry: How long repeatable attempts are repeated.
            endpoints: Paths of endpoints that are not documented, for example
                `{"orders.process": "/orders/process"}`; a `ProcessEndpoint` says where the ids go as well.
            connector_factory: Makes an aiohttp connector, for what the settings below cannot say. Called on the
                client's event loop, once for each session of the SDK's, also after a fork; the SDK closes what it
                makes. It must make a new one each time, with `force_close=True`. Default: a `TCPConnector`.
            headers: Further headers of each request, for example for a gateway. Default: none. Names that would
                change the call (`Content-Type`, `Authorization`, `Cookie`, the key's, ...) are refused.
            proxy: URL of an HTTP proxy, `http://user:password@host:port`. Default: none.
            proxy_headers: Headers for the proxy alone. Default: none.
            ssl: An `ssl.SSLContext`, or `False` to skip the check of certificates. Default: `True`, checked by the
                certificates of this machine.
            trust_env: Take proxies from the environment (`HTTPS_PROXY`, ...), on sessions of the SDK's. Default:
                `False`.
            resolver: Looks host names up, on sessions of the SDK's; you close it. Default: aiohttp's own.
            local_addr: Host and port to connect from, on sessions of the SDK's; port 0: any. Default: the system
                chooses.
            trace_configs: Your aiohttp traces, run on sessions of the SDK's. They see the headers, the key included.
                Default: none.
            allow_plain_http: Allow `http://` to other hosts than this one. The key is then readable on the way.

        Raises:
            ConfigurationError: A setting is missing or wrong; the message says which and how to set it.
        """
        super().__init__(
            AsyncClient(
                api_key,
                base_url,
                key_header=key_header,
                gap=gap,
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
            )
        )
        self.orders = Orders(self._async.orders, self._lifetime)
        self.users = Users(self._async.users, self._lifetime)
        self.domains = Domains(self._async.domains, self._lifetime)
        self.subscriptions = Subscriptions(self._async.subscriptions, self._lifetime)
        self.bulk = Bulk(self._async.bulk, self._lifetime)
