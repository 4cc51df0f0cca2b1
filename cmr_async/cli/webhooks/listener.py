"""What becomes of each delivery that `cmr webhooks listen` gets: taken, recorded, forwarded, shown, answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

import attrs

from ...errors import JournalError
from ...models.tracking import Sighting, StoredDelivery
from ...webhooks import Receiver, Reply, SignatureScheme
from ...webhooks.headers import find_headers
from ..streams import complain, emit, say, voice
from .recording import Recorder
from .sending import Sender, Sent
from .server import Answer
from .shown import about, columns

_SCHEME = SignatureScheme()
#: What the API gets while the receiver behind the listener does not take an event, so that it sends it again.
_BAD_GATEWAY = 502
_OK = 200


class NoJournal:
    """Stands for a journal where there is none: every delivery is new, and nothing is kept."""

    @property
    def tracking(self) -> NoJournal:
        """What takes the deliveries."""
        return self

    async def take(
        self, delivery: StoredDelivery, sightings: Iterable[Sighting] = (), effect: Callable[..., object] | None = None
    ) -> bool:
        """Keep nothing of a delivery."""
        del delivery, sightings, effect
        return True


@attrs.frozen(kw_only=True)
class Listener:
    """Takes the deliveries of a command.

    Only what is genuine is recorded and forwarded: a replay signs what was recorded with the key, and a service behind
    the listener is not for strangers.
    """

    #: Says what is genuine and, with a journal, what is new.
    receiver: Receiver
    #: Whether the receiver knows duplicates, because it has a journal.
    remembers: bool = False
    #: Sends deliveries on; `None`: they go nowhere.
    sender: Sender | None = None
    #: Records deliveries; `None`: they are not recorded.
    recorder: Recorder | None = None

    async def take(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Take a delivery, show it, and return what to answer."""
        reply = await self.receiver.receive(body, headers)
        forwarded = None
        if reply.status == _OK:
            signature = _signature(headers)
            self._record(body, signature)
            if self.sender is not None:
                forwarded = await self.sender.send(body, signature)
        answer = (reply.status, reply.text)
        if forwarded is not None and not forwarded.is_taken:
            answer = (_BAD_GATEWAY, "not forwarded")
        self._show(reply, forwarded, status=answer[0])
        return answer

    def _record(self, body: bytes, signature: Mapping[str, str]) -> None:
        if self.recorder is not None:
            try:
                self.recorder.add(body, signature, time=time.time())
            except OSError as error:
                complain(f"cmr: the next delivery could not be recorded: {error.strerror}.")

    def _show(self, reply: Reply, forwarded: Sent | None, *, status: int) -> None:
        is_duplicate = reply.is_duplicate if self.remembers and reply.event is not None else None
        if voice.json:
            if reply.error is not None:
                complain(f"cmr: {_why(reply.error)}")
            emit(
                "delivery",
                {
                    "verified": reply.refusal is None,
                    "refusal": None if reply.refusal is None else reply.refusal.reason,
                    **about(reply.event),
                    "duplicate": is_duplicate,
                    "forwarded": None if forwarded is None else forwarded.status,
                    "forward_error": None if forwarded is None else forwarded.error,
                    "status": status,
                },
            )
            return
        remarks = [] if reply.refusal is None else [f"{reply.refusal.reason}: {reply.refusal.message}"]
        if is_duplicate:
            remarks.append("duplicate")
        if reply.error is not None:
            remarks.append(_why(reply.error))
        if forwarded is not None:
            remarks.append(f"forwarded: {forwarded.error or forwarded.status}")
        say(columns("verified" if reply.refusal is None else "refused", reply.event, *remarks))


def _why(error: Exception) -> str:
    """Say why the journal did not take a delivery; the text of other errors may show what the event holds."""
    return f"not taken: {error if isinstance(error, JournalError) else 'the journal could not be written'}"


def _signature(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a signature, which are there in a delivery that was verified."""
    names = (_SCHEME.signature_header, _SCHEME.timestamp_header)
    values = find_headers(headers, tuple(name.lower() for name in names)) or []
    return dict(zip(names, values, strict=True))
