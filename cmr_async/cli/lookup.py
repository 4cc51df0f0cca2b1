"""What the commands share that ask the API one question and show the answer: nothing is ordered or changed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import orjson
import typer

from ..client import AsyncClient
from ..core.printable import printable
from ..core.redact import Redactor
from ..errors import ConfigurationError, ValidationError
from ..models import Envelope
from .api import api_client, require_key
from .exit_codes import ExitCode, plain_errors
from .profiles import load_key
from .streams import emit, note, say, voice

#: The user whose things are asked for.
OwnerId = Annotated[
    str, typer.Option("--user-id", envvar="CMR_USER_ID", help="Id of the user, as the API returned it.")
]


def look_up(call: str, ask: Callable[[AsyncClient], Awaitable[Envelope]]) -> None:
    """Ask, and print what the API answered; values of fields that are called password, secret and the like are masked.

    Args:
        call: Name of the call as in the SDK, `users.get`.
        ask: Makes it.

    Raises:
        typer.Exit: The call failed: with 2 if it could not be made, with 1 if the API refused or did not answer.
    """
    with plain_errors(otherwise=ExitCode.REJECTED, usage=(ConfigurationError, ValidationError)):
        require_key()
        answer = asyncio.run(_ask(ask))
    data = Redactor(load_key() or "").value(answer.data)
    if voice.json:
        emit("answer", {"call": call, "status": answer.status, "message": answer.message, "data": data})
        return
    if data is None and answer.message:
        say(printable(answer.message))  # all that the answer has
        return
    if answer.message:
        note(printable(answer.message))
    say(_shown(data))


async def _ask(ask: Callable[[AsyncClient], Awaitable[Envelope]]) -> Envelope:
    async with api_client() as client:
        return await ask(client)


def _shown(data: Any) -> str:
    """Return the data of an answer for people; their shape is documented nowhere, so they come as they are."""
    return "\n".join(map(printable, orjson.dumps(data, option=orjson.OPT_INDENT_2).decode().splitlines()))
