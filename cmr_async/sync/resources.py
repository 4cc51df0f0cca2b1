"""The groups of calls of the blocking client. Generated like `client.py`; do not edit."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from typing import TYPE_CHECKING, Any

from ..models import Envelope, MailboxOrder, Order, OrderCreated, ServiceProvider
from ..resources.domains import Domains as AsyncDomains
from ..resources.orders import Orders as AsyncOrders
from ..resources.subscriptions import Subscriptions as AsyncSubscriptions
from ..resources.users import Users as AsyncUsers
from .iterator import BlockingIterator
from .lifetime import Lifetime, as_tuple

if TYPE_CHECKING:
    from ..journal.journal import Journal
    from ..models.checks import OrderPreflight
    from ..models.progress import OrderProgress, OrderToken


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
        journal: str | PathLike[str] | Journal | None = None,
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

    def create_mailboxes(
        self,
        order: MailboxOrder,
        *,
        user_id: str,
        reference: str | None = None,
        journal: str | PathLike[str] | Journal | None = None,
        timeout: float | None = None,
        send_within: float | None = None,
    ) -> OrderCreated:
        """Order mailboxes for a domain that CMR has already; it spends money only with `confirm=True`.

        It is sent at most once, by the rules of `create`.

        Args:
            order: The mailboxes, and the subscription or the domain that they are for. Checked before anything is sent.
            user_id: Id of the user who owns the domain, as the API returned it.
            reference: As in `create`.
            journal: As in `create`; one journal holds both kinds of orders.
            timeout: Seconds to wait for the answer; `None`: the client's `Timeouts.read` (120).
            send_within: As in `create`.

        Returns:
            The order's id and what the API said. Accepted means queued, the mailboxes come later.

        Raises:
            ValidationError: The order has faults; nothing was sent. Correct every fault it lists.
            OutcomeUnknownError: It may have been placed. Do not send it again.
            CMRError: As `create`.

        Warns:
            OrderWarning: Something that the API's page leaves open, such as `auto_renew` beside `subscription_id`.

        Source: https://docs.coldmailreseller.com/order-mailboxes-json-14943459e0; the path and the samples are the help
        centre's (reference, section 10.1). When the path changes:
        `Client(endpoints={"orders.create_mailboxes": "/the/path"})`.
        """
        return self._lifetime.call(
            self._async.create_mailboxes,
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
            ValidationError: An id is none; nothing was sent.
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
            ValidationError: An id is none; nothing was sent.
            APIError: The API refused.
            TransportError: No answer within the client's time budget.
            ServerError: The API failed (5xx) until the time budget ended.
            InvalidResponseError: What came was not an answer of the API.
            ClientStateError: The client is closed, or this is its loop's own thread.

        Source: reference, section 10.1, "Get Order Status".
        """
        return self._lifetime.call(self._async.status, order_id, user_id=user_id, timeout=timeout)

    def token(
        self, order_id: str, *, user_id: str, order: Order | MailboxOrder | None = None, unavailable: Iterable[Any] = ()
    ) -> OrderToken:
        """Return what it takes to wait for an accepted order, also in another process. It sends nothing.

        Args:
            order_id: The order's id, as `create` returned it.
            user_id: Id of the user who owns it.
            order: The order as it was sent, which says what to wait for. `None`: only `GET /orders/status` can say
                that it is done, in words that no source documents; see `TrackingSettings.done`.
            unavailable: Domains that the API took the order without: names, or the objects that
                `OrderCreated.unavailable_domains` has.

        Returns:
            Plain data without a secret: `to_json()` gives text. It is bound to the API of this client.

        Raises:
            ValidationError: An id is none, or the order has faults.
        """
        return self._async.token(order_id, user_id=user_id, order=order, unavailable=as_tuple(unavailable))

    def wait(
        self,
        order_id: str | OrderToken,
        *,
        user_id: str | None = None,
        order: Order | MailboxOrder | None = None,
        unavailable: Iterable[Any] = (),
        journal: str | PathLike[str] | Journal | None = None,
        timeout: float | None = 600.0,
    ) -> OrderProgress:
        """Wait until every domain and mailbox of an accepted order is active or has failed. It only reads.

        Everybody who waits with one client shares one sweep over the API's lists: a read every few seconds, whatever
        number of orders is open. What webhooks brought into `journal` counts as well.

        Args:
            order_id: The order's id, or its token.
            user_id: Id of the user who owns it; not with a token.
            order: The order as it was sent, which says what to wait for. Without it the wait mostly ends with
                `StillWaitingError`; see `token`.
            unavailable: Domains that the API took it without: `created.unavailable_domains`. They count as failed.
            journal: A path (SQLite), a URL (PostgreSQL), or an open `Journal`, which a webhook receiver writes too.
            timeout: Seconds to wait, default 600; `None`: without end. The help centre gives 10 to 90 seconds as the
                usual time.

        Returns:
            How it ended: `state` is `active` or `failed`, `failures` has what failed and why, and
            `raise_for_failures()` raises it.

        Raises:
            StillWaitingError: The time is over; `progress` says how far the order is. Wait again.
            ValidationError: An id is none, or the order has faults.
            ConfigurationError: There is no `user_id`, or the token belongs to another API.
            JournalError: The journal cannot be used.
            ClientStateError: The client is closed, or this is its loop's own thread.
        """
        return self._lifetime.call(
            self._async.wait,
            order_id,
            user_id=user_id,
            order=order,
            unavailable=as_tuple(unavailable),
            journal=journal,
            timeout=timeout,
        )

    def wait_all(
        self,
        tokens: Iterable[OrderToken],
        *,
        changes: bool = False,
        journal: str | PathLike[str] | Journal | None = None,
        timeout: float | None = 600.0,
    ) -> BlockingIterator[OrderProgress]:
        """Wait for many orders at once, thousands if need be; see `wait`.

        Args:
            tokens: The orders; see `token`.
            changes: Yield an order also whenever more is known of it, and once at first.
            journal: As in `wait`.
            timeout: Seconds to wait for all of them, default 600; `None`: without end.

        Yields:
            Each order once it is settled; when the time is over, those that are not, with `is_settled` false.

        Raises:
            ConfigurationError: A token belongs to another API.
            JournalError: The journal cannot be used.
            ClientStateError: The client is closed, or this is its loop's own thread.
        """
        items = self._async.wait_all(as_tuple(tokens), changes=changes, journal=journal, timeout=timeout)
        return BlockingIterator(self._lifetime, items)


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
            ValidationError: The id is none; nothing was sent.
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
            ValidationError: The id is none; nothing was sent.
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
            domain: The domain's name; sent in lower case and punycode.
            service_provider: `GOOGLE` or `MICROSOFT`; `None` leaves it out.
            timeout: Seconds to wait for the answer; `None`: the client's `Timeouts.read` (120). The API itself
                gives a domain 15 seconds.

        Returns:
            The envelope with plain `data`.

        Raises:
            ValidationError: It is no domain name; nothing was sent.
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
            ValidationError: A parameter cannot be sent; nothing was.
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
