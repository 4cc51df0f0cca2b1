"""Orders: create, process, look up (reference, sections 2 and 10.1)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from functools import partial
from os import PathLike
from time import time
from typing import TYPE_CHECKING, Any

import attrs

from ..core.endpoints import require_path
from ..core.order.checked import CheckedOrder, check_order, check_request
from ..core.order.domain_names import normalise_domain
from ..core.order.validation import checked_ids
from ..core.processing import ProcessEndpoint, place_ids
from ..core.wire import read_order_created
from ..drain import Guard
from ..errors import ConfigurationError, Fault, ValidationError
from ..models import Envelope, MailboxOrder, Order, OrderCreated
from ..models.requests import OrderRequest
from ..pipeline import Pipeline

if TYPE_CHECKING:
    from ..journal.journal import Journal
    from ..models.checks import OrderPreflight
    from ..models.progress import OrderProgress, OrderToken
    from .waiter import Waiter

_NAMED_DOMAINS = 3


class Orders:
    """Calls about orders: `client.orders`."""

    def __init__(
        self,
        pipeline: Pipeline,
        create_once: Callable[..., Awaitable[OrderCreated]] | None = None,
        waiting: Waiter | None = None,
    ) -> None:
        """Make the calls of one client.

        Args:
            pipeline: Of the client.
            create_once: Sends an order under the claim of a journal.
            waiting: Waits for accepted orders.
        """
        self._pipeline = pipeline
        self._create_once = create_once
        self._waiting = waiting

    async def create(
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
            ClientStateError: The client is closed or belongs to another event loop.

        Warns:
            OrderWarning: Something that the API's page leaves open, for example one user name twice.

        Source: https://docs.coldmailreseller.com/creates-order-json-14632249e0
        """
        _expect(Order, order)
        checked = check_order(order, user_id=user_id, reference=reference)
        return await self._create(checked, journal, timeout=timeout, send_within=send_within)

    async def create_mailboxes(
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
        `AsyncClient(endpoints={"orders.create_mailboxes": "/the/path"})`.
        """
        _expect(MailboxOrder, order)
        checked = check_order(order, user_id=user_id, reference=reference)
        return await self._create(checked, journal, timeout=timeout, send_within=send_within)

    async def _create(
        self,
        checked: CheckedOrder,
        journal: str | PathLike[str] | Journal | None,
        *,
        timeout: float | None,
        send_within: float | None,
    ) -> OrderCreated:
        if journal is not None and self._create_once is not None:
            return await self._create_once(self._pipeline, checked, journal, timeout=timeout, send_within=send_within)
        if checked.request.reference is not None:
            raise ConfigurationError("A reference names the order in a journal: pass journal=... as well.")
        return await send_order(self._pipeline, checked, timeout=timeout, send_within=send_within)

    async def preflight(self, order: Order, *, user_id: str, timeout: float | None = None) -> OrderPreflight:
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
            ClientStateError: The client is closed or belongs to another event loop.

        Source: reference, sections 10.4 and 14.
        """
        from .preflight import preflight_order  # noqa: PLC0415 - only who asks before ordering needs it

        return await preflight_order(self._pipeline, order, user_id=user_id, timeout=timeout)

    async def process(
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
            EndpointNotConfiguredError: Set it: `AsyncClient(endpoints={"orders.process": "/the/path"})`.
            OutcomeUnknownError: It may have been processed. Do not send it again.
            CMRError: As `create`.

        Source: reference, section 10.1, "Process the Order".
        """
        return await process_order(self._pipeline, order_id, user_id=user_id, timeout=timeout, send_within=send_within)

    async def status(self, order_id: str, *, user_id: str, timeout: float | None = None) -> Envelope:
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
            ClientStateError: The client is closed or belongs to another event loop.

        Source: reference, section 10.1, "Get Order Status".
        """
        order_id, user_id = checked_ids(order_id=order_id, user_id=user_id)
        return await self._pipeline.call(
            "orders.status",
            subject=f"The status of order {order_id}".__str__,
            user_id=user_id,
            query={"orderId": order_id},
            timeout=timeout,
        )

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
        from ..models.progress import OrderToken  # noqa: PLC0415 - only who waits needs it

        order_id, user_id = checked_ids(order_id=order_id, user_id=user_id)
        account = self._pipeline.account
        checked = check_request(OrderRequest(user_id=user_id, order=Order() if order is None else order))
        if order is not None and checked.faults:
            raise ValidationError(faults=checked.faults)
        return OrderToken.of(
            checked.order,
            order_id,
            user_id=user_id,
            unavailable=[name for name in map(normalise_domain, map(unavailable_name, unavailable)) if name],
            placed_at=time(),
            origin="" if account is None else account.origin,
        )

    async def wait(
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
            ClientStateError: The client is closed or belongs to another event loop.
        """
        token = self._token_of(order_id, user_id, order, unavailable)
        return await self._waits().one(token, timeout=timeout, journal=journal)

    async def wait_all(
        self,
        tokens: Iterable[OrderToken],
        *,
        changes: bool = False,
        journal: str | PathLike[str] | Journal | None = None,
        timeout: float | None = 600.0,
    ) -> AsyncGenerator[OrderProgress, None]:
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
            ClientStateError: The client is closed or belongs to another event loop.
        """
        async with aclosing(self._waits().all(tokens, timeout=timeout, changes=changes, journal=journal)) as found:
            async for progress in found:
                yield progress

    def _waits(self) -> Waiter:
        if self._waiting is None:
            raise ConfigurationError("Only the orders of a client can be waited for.")
        return self._waiting

    def _token_of(
        self,
        order_id: str | OrderToken,
        user_id: str | None,
        order: Order | MailboxOrder | None,
        unavailable: Iterable[Any],
    ) -> OrderToken:
        if not isinstance(order_id, str):
            if user_id is not None or order is not None or unavailable:
                raise ConfigurationError("A token says whose order it is and what is in it: pass it alone.")
            return order_id
        if user_id is None:
            raise ConfigurationError("user_id is missing: whose order is it?")
        # When it was accepted is not known
        token = self.token(order_id, user_id=user_id, order=order, unavailable=unavailable)
        return attrs.evolve(token, placed_at=0.0)


async def send_order(
    pipeline: Pipeline,
    checked: CheckedOrder,
    *,
    timeout: float | None = None,
    send_within: float | None = None,
    guard: Guard | None = None,
) -> OrderCreated:
    """Send an order that was checked and has no fault; single orders and bulk runs both come this way.

    Raises:
        CMRError: As `Orders.create`, except `ValidationError`.
    """
    envelope = await pipeline.call(
        "orders.create_mailboxes" if isinstance(checked.order, MailboxOrder) else "orders.create",
        subject=partial(describe, checked.order),
        user_id=checked.request.user_id,
        body=checked.body,
        pays=checked.order.confirm,
        timeout=timeout,
        send_within=send_within,
        guard=guard,
    )
    return read_order_created(envelope)


async def process_order(
    pipeline: Pipeline,
    order_id: str,
    *,
    user_id: str,
    timeout: float | None = None,
    send_within: float | None = None,
    guard: Guard | None = None,
) -> Envelope:
    """Send the processing of a draft; single drafts and bulk runs both come this way.

    Raises:
        CMRError: As `Orders.process`.
    """
    row = pipeline.endpoints["orders.process"]
    order_id, user_id = checked_ids(order_id=order_id, user_id=user_id)
    path, query, body = place_ids(row.ids or ProcessEndpoint.at(require_path(row)), order_id=order_id, user_id=user_id)
    return await pipeline.call(
        "orders.process",
        subject=f"The processing of order {order_id}".__str__,
        path=path,
        query=query,
        body=body,
        pays=True,
        order_id=order_id,
        timeout=timeout,
        send_within=send_within,
        guard=guard,
    )


def unavailable_name(item: Any) -> str:
    """Return the name of an unavailable domain, empty without one; the shape of the items is not documented."""
    fields = item if isinstance(item, Mapping) else {"domain": item}
    names = (fields.get(name) for name in ("domain", "domainName", "name"))
    return next((name for name in names if isinstance(name, str)), "")


def _expect(kind: type[Order | MailboxOrder], order: object) -> None:
    """Refuse an order of the other kind: each kind has its own endpoint, and they buy different things."""
    if not isinstance(order, kind):
        fault = Fault("order", f"must be of the class {kind.__name__}, not {type(order).__name__}")
        raise ValidationError(faults=(fault,))


def describe(order: Order | MailboxOrder) -> str:
    """Name an order by its domains, for messages: `The order for a.com, b.com and 3 more`."""
    names = order.domain_names
    shown = ", ".join(names[:_NAMED_DOMAINS])
    rest = len(names) - _NAMED_DOMAINS
    return f"The order for {shown} and {rest} more" if rest > 0 else f"The order for {shown}"
