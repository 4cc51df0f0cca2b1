"""Domains that users own (reference, section 10.4)."""

from __future__ import annotations

import orjson

from ..core.order.validation import check_texts, checked_domain, checked_ids
from ..models import Envelope, ServiceProvider
from ..pipeline import Pipeline


class Domains:
    """Calls about domains: `client.domains`."""

    def __init__(self, pipeline: Pipeline) -> None:
        """Make the calls of one client, through its pipeline."""
        self._pipeline = pipeline

    async def by_user(self, user_id: str, *, timeout: float | None = None) -> Envelope:
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
            ClientStateError: The client is closed or belongs to another event loop.

        Source: reference, section 10.4, "Get Domains For User".
        """
        (user_id,) = checked_ids(user_id=user_id)
        return await self._pipeline.call(
            "domains.by_user",
            subject=f"The list of domains of user {user_id}".__str__,
            user_id=user_id,
            timeout=timeout,
        )

    async def has_workspace(
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
            ClientStateError: The client is closed or belongs to another event loop.

        Source: reference, section 10.4, "Check If Workspace Exists".
        """
        check_texts(service_provider=service_provider)
        domain = checked_domain(domain)
        return await ask_for_workspace(self._pipeline, domain, service_provider=service_provider, timeout=timeout)


async def ask_for_workspace(
    pipeline: Pipeline, domain: str, *, service_provider: ServiceProvider | str | None, timeout: float | None
) -> Envelope:
    """Ask whether a workspace exists for a domain.

    Raises:
        CMRError: As `Domains.has_workspace`.
    """
    body = {"domainName": domain} | ({} if service_provider is None else {"serviceProvider": service_provider})
    return await pipeline.call(
        "domains.has_workspace",
        subject=f"The workspace check of {domain}".__str__,
        body=orjson.dumps(body),
        timeout=timeout,
    )
