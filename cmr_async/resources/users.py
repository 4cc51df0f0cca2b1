"""Users: the partner's own customers, who own domains and mailboxes (reference, section 10.2)."""

from __future__ import annotations

from ..core.order.validation import checked_ids
from ..models import Envelope
from ..pipeline import Pipeline


class Users:
    """Calls about users: `client.users`."""

    def __init__(self, pipeline: Pipeline) -> None:
        """Make the calls of one client, through its pipeline."""
        self._pipeline = pipeline

    async def get(self, user_id: str, *, timeout: float | None = None) -> Envelope:
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
            ClientStateError: The client is closed or belongs to another event loop.

        Source: reference, section 10.2, "Get User Details".
        """
        (user_id,) = checked_ids(user_id=user_id)
        return await self._pipeline.call(
            "users.get", subject=f"The request for user {user_id}".__str__, user_id=user_id, timeout=timeout
        )
