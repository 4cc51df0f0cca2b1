"""Subscriptions: what is billed for the mailboxes of a domain (reference, section 10.9)."""

from __future__ import annotations

from ..core.order.validation import check_texts
from ..errors import Fault, ValidationError
from ..models import Envelope
from ..pipeline import Pipeline


class Subscriptions:
    """Calls about subscriptions: `client.subscriptions`."""

    def __init__(self, pipeline: Pipeline) -> None:
        """Make the calls of one client, through its pipeline."""
        self._pipeline = pipeline

    async def list(
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
            ClientStateError: The client is closed or belongs to another event loop.

        Source: https://docs.coldmailreseller.com/get-all-subscriptions-13454648e0
        """
        check_texts(domain=domain, status=status)
        for name, number in (("page", page), ("limit", limit)):
            if number is not None and (type(number) is not int or number < 1):
                raise ValidationError(faults=(Fault(name, "must be a whole number from 1"),))
        return await self._pipeline.call(
            "subscriptions.list",
            subject="The list of subscriptions".__str__,
            query={
                "domain": domain,
                "status": status,
                "page": None if page is None else str(page),
                "limit": None if limit is None else str(limit),
            },
            timeout=timeout,
        )
