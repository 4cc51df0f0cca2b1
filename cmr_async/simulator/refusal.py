"""The one exception of the simulator's rules: a request that is refused, with its HTTP status and message."""

from __future__ import annotations

__all__ = ["Refusal"]


class Refusal(Exception):  # noqa: N818 - an expected answer of the API, not an error of the simulator
    """The request is refused; the application turns it into the error envelope of section 4."""

    def __init__(self, message: str = "", *, status: int = 400) -> None:
        super().__init__(message)
        #: HTTP status of the answer, also the `status` of the envelope.
        self.status = status
        #: `message` of the envelope.
        self.message = message
