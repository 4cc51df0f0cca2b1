"""Domains that users own (reference, section 10.4)."""

from __future__ import annotations

import attrs

from ..models import Envelope
from ..pipeline import Pipeline

__all__ = ["Domains"]


@attrs.define(slots=False)  # neither frozen nor slotted: tests replace its methods
class Domains:
    """Calls about domains: `client.domains`."""

    _pipeline: Pipeline

    async def by_user(self, user_id: str, *, timeout: float | None = None) -> Envelope:
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
            ClientStateError: The client is closed or belongs to another event loop.

        Source: reference, section 10.4, "Get Domains For User".
        """
        return await self._pipeline.call(
            "domains.by_user", subject=f"The domains of user {user_id}".__str__, user_id=user_id, timeout=timeout
        )
