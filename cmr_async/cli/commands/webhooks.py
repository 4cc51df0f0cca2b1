"""`cmr webhooks`: receive the API's webhooks on this machine, and send some to a receiver."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Annotated

import typer

from ...errors import ConfigurationError
from ...settings import LOOPBACK
from ...webhooks import EVENT_TYPES, Event, Receiver, Refusal, parse, sign
from ...webhooks.receiver import DeliveryJournal
from ..api import own_account, plain_http_allowed, require_key
from ..exit_codes import ExitCode, plain_errors
from ..journal_choice import JOURNAL_VARIABLE
from ..profiles import load_key
from ..streams import complain, counted, emit, note, say, voice
from ..webhooks.listener import Listener, NoJournal
from ..webhooks.own_address import leads_back
from ..webhooks.recording import Recorder, read_recording
from ..webhooks.samples import sample
from ..webhooks.sending import Sent, opened_sender
from ..webhooks.server import serving
from ..webhooks.shown import about, columns

app: typer.Typer = typer.Typer(rich_markup_mode=None)

_LISTEN = """\b
Examples:
  cmr webhooks listen --journal orders.csv.journal.db
  cmr webhooks listen --forward-to http://127.0.0.1:8000/webhooks/cmr --record deliveries.jsonl"""
_REPLAY = """\b
Examples:
  cmr webhooks replay deliveries.jsonl --to http://127.0.0.1:8000/webhooks/cmr
  cmr webhooks replay deliveries.jsonl --to http://127.0.0.1:8000/webhooks/cmr --duplicate --shuffle 1"""
_TRIGGER = """\b
Examples:
  cmr webhooks trigger mailbox.created --to http://127.0.0.1:8026/
  cmr webhooks trigger domain.order.success --to http://127.0.0.1:8026/ --order-id ORDER-ID --domain acme.com"""
#: Lines of a recording that a warning of their own names.
_MOST_LINES = 20

Target = Annotated[str, typer.Option("--to", metavar="URL", help="The URL of the receiver.")]


@app.command(epilog=_LISTEN)
def listen(
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="The port to listen on; 0 takes a free one.")
    ] = 8026,
    journal: Annotated[
        str | None,
        typer.Option(
            "--journal",
            envvar=JOURNAL_VARIABLE,
            help="Take deliveries into this journal, which knows duplicates and what became of orders.",
        ),
    ] = None,
    forward_to: Annotated[
        str | None, typer.Option("--forward-to", metavar="URL", help="Send what is genuine on to this URL.")
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option("--record", metavar="FILE", help="Add what is genuine to this file, passwords and all."),
    ] = None,
) -> None:
    """Receive webhooks on this machine and show them, until Ctrl-C.

    Each delivery is a line: verified or refused, event, order, address or domain, remarks. No password is shown. Every
    path is served. The API reaches public HTTPS URLs only, so its deliveries need a tunnel or a proxy to this port.
    """
    with plain_errors(), suppress(KeyboardInterrupt):
        require_key(": it signs the deliveries.")
        asyncio.run(_listen(host=host, port=port, journal=journal, forward_to=forward_to, record=record))


async def _listen(*, host: str, port: int, journal: str | None, forward_to: str | None, record: Path | None) -> None:
    async with AsyncExitStack() as stack:
        taken_into = NoJournal() if journal is None else await _opened(journal, stack)
        sender = None
        if forward_to is not None:
            sender = await stack.enter_async_context(opened_sender(forward_to, option="--forward-to"))
            if await leads_back(sender.url, host=host, port=port):
                raise ConfigurationError(
                    "--forward-to is the address that this command listens on. Choose another --port."
                )
        listener = Listener(
            receiver=Receiver(taken_into, keys=load_key() or "", fallback=lambda _event, _transaction: None),
            remembers=journal is not None,
            sender=sender,
            recorder=None if record is None else stack.enter_context(Recorder(record)),
        )
        url = await stack.enter_async_context(serving(listener.take, host=host, port=port))
        if host not in LOOPBACK:
            complain(f"cmr: other machines can reach {url}, without encryption; only what the key signed is taken.")
        if record is not None:
            complain(f"cmr: {record} will hold secrets: events come with the passwords of mailboxes.")
        note(f"Listening on {url}; stop with Ctrl-C.")
        await asyncio.Event().wait()


async def _opened(location: str, stack: AsyncExitStack) -> DeliveryJournal:
    """Open the journal, which must not be that of another account."""
    from ...journal.journal import Journal  # noqa: PLC0415 - without a journal, no database is needed

    journal = await stack.enter_async_context(Journal(location))
    if doubts := await journal.doubts(own_account(allow_plain_http=plain_http_allowed())):
        raise ConfigurationError(" ".join(doubts))
    return journal


@app.command(epilog=_REPLAY)
def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `cmr webhooks listen --record` wrote.")],
    to: Target,
    duplicate: Annotated[bool, typer.Option("--duplicate", help="Send each delivery twice.")] = False,
    shuffle: Annotated[
        int | None,
        typer.Option("--shuffle", metavar="SEED", help="Send them in another order; the same for the same seed."),
    ] = None,
) -> None:
    """Send the deliveries of FILE again, one after another.

    They are signed anew with the key and the present time, because a receiver refuses what is older than five minutes.
    Each is a line: the status of the answer, event, order, address or domain, remarks. The exit code is 1 if an answer
    was not 2xx. Lines of FILE that were cut short are named and left out.
    """
    with plain_errors():
        require_key(": it signs the deliveries.")
        recording = read_recording(file)
        for line in recording.cut_lines[:_MOST_LINES]:
            complain(f"cmr: {file}, line {line} is no JSON: writing it was cut short, and it is left out.")
        bodies = list(recording.bodies) * (2 if duplicate else 1)
        if shuffle is not None:
            random.Random(shuffle).shuffle(bodies)  # noqa: S311 - an order that can be had again, no secret
        taken = asyncio.run(_send(bodies, to))
        left_out = len(recording.cut_lines)
        left_out_too = f" {counted(left_out, 'line')} of the file left out." if left_out else ""
        note(f"{taken:,} of {counted(len(bodies), 'delivery', 'deliveries')} taken.{left_out_too}")
    if taken < len(bodies):
        raise typer.Exit(ExitCode.REJECTED)


@app.command(epilog=_TRIGGER)
def trigger(
    event: Annotated[str, typer.Argument(metavar="EVENT", help="The event's name, such as mailbox.created.")],
    to: Target,
    order_id: Annotated[str | None, typer.Option("--order-id", help="The order that it is about.")] = None,
    user_id: Annotated[str | None, typer.Option("--user-id", help="The user whom it is about.")] = None,
    domain: Annotated[
        str | None, typer.Option("--domain", metavar="NAME", help="The domain that it is about, or of the address.")
    ] = None,
) -> None:
    """Send a sample of EVENT, signed with the key.

    The sample has the fields that the API's documentation shows, with made-up values. It counts as genuine wherever the
    key is known: do not let it come into the journal of real orders. An EVENT that is not known lists all names. The
    exit code is 1 if the answer was not 2xx.
    """
    with plain_errors():
        require_key(": it signs the deliveries.")
        made = sample(event, order_id=order_id, user_id=user_id, domain=domain)
        if not made.is_documented:
            kind = EVENT_TYPES[event].__name__
            note(f"No source shows all fields of {event}: it is sent with those that the class {kind} reads.")
        taken = asyncio.run(_send([made.body], to))
    if not taken:
        raise typer.Exit(ExitCode.REJECTED)


async def _send(bodies: Iterable[bytes], target: str) -> int:
    """Send deliveries and show what became of each; return how many were taken."""
    key, taken = load_key() or "", 0
    async with opened_sender(target, option="--to") as sender:
        for body in bodies:
            sent = await sender.send(body, sign(body, key=key))
            taken += sent.is_taken
            event = parse(body)
            _show(None if isinstance(event, Refusal) else event, sent)
    return taken


def _show(event: Event | None, sent: Sent) -> None:
    if voice.json:
        emit("sent", {**about(event), "status": sent.status, "error": sent.error})
    else:
        say(columns("" if sent.status is None else str(sent.status), event, *([sent.error] if sent.error else [])))
