"""`cmr doctor`: whether everything is set up, before money is spent. It only reads."""

from __future__ import annotations

import asyncio
import os
import platform
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from email.utils import parsedate_to_datetime
from enum import StrEnum
from importlib.util import find_spec
from typing import Annotated

import attrs
import typer

from ..._version import __version__
from ...client import AsyncClient
from ...core.endpoints import DEFAULT_BASE_URL
from ...core.printable import printable
from ...core.retry import RetryPolicy
from ...errors import APIError, AuthenticationError, CMRError, InvalidResponseError
from ...settings import check_base_url
from ...transport.traces import watch_answers
from ...transport.transport import Timeouts
from ..api import api_client, own_account, plain_http_allowed
from ..exit_codes import ExitCode, plain_errors
from ..journal_choice import JOURNAL_VARIABLE
from ..profiles import config_path, load_key
from ..streams import emit, say, voice

app: typer.Typer = typer.Typer(rich_markup_mode=None)

_EXAMPLES = """\b
Examples:
  cmr doctor
  cmr doctor --user-id USER-ID --journal orders.csv.journal.db
  cmr doctor --profile live --json"""
#: Seconds by which the clocks of this machine and of the API may differ: evidence is judged by its age.
_MOST_APART = 60.0
#: Seconds for a connection, and for an answer; the API itself gives a look-up 15.
_LIMITS = Timeouts(connect=5.0, read=20.0)
#: Extras, what they bring, and what they are for.
_EXTRAS = (
    ("journal", "sqlalchemy", "journals, which every paid run needs"),
    ("postgres", "psycopg", "journals and paces in PostgreSQL"),
    ("xlsx", "openpyxl", "spreadsheets"),
)


class State(StrEnum):
    """What was found."""

    OK = "ok"
    #: Nothing is wrong, or it is not needed by everybody.
    NOTE = "note"
    #: It has to be mended.
    PROBLEM = "problem"


@attrs.frozen
class Check:
    """One thing that was looked at."""

    name: str
    state: State
    #: What was found, and what to do about a problem.
    detail: str


@app.command(epilog=_EXAMPLES)
def doctor(
    user_id: Annotated[
        str | None, typer.Option("--user-id", envvar="CMR_USER_ID", help="A user whom the API must know.")
    ] = None,
    journal: Annotated[
        str | None,
        typer.Option("--journal", envvar=JOURNAL_VARIABLE, help="A journal that must be in order for this account."),
    ] = None,
) -> None:
    """Check that everything is set up; spend nothing.

    It looks at key, URL, clock, user, extras and journal. From the API it reads one subscription and, if it is named,
    the user; it orders and changes nothing. The exit code is 1 if there is a problem.
    """
    with plain_errors():
        wrong = asyncio.run(_run(user_id, journal))
    if wrong:
        raise typer.Exit(ExitCode.REJECTED)


async def _run(user_id: str | None, journal: str | None) -> int:
    """Show every check, and return how many found a problem."""
    wrong = 0
    for check in _installed():
        wrong += _show(check)
    key, address = _key(), _address()
    for check in (key, address):
        wrong += _show(check)
    if key.state is State.OK and address.state is State.OK:
        async for check in _api(user_id):
            wrong += _show(check)
    else:
        _show(Check("API", State.NOTE, "not asked, because of the problem above"))
    if journal is not None:
        wrong += _show(await _journal(journal))
    return wrong


def _show(check: Check) -> bool:
    if voice.json:
        emit("check", attrs.asdict(check))
    else:
        say(f"{check.state:<8} {check.name:<14} {printable(check.detail)}")
    return check.state is State.PROBLEM


def _installed() -> Iterator[Check]:
    yield Check(
        "version", State.OK, f"cmr-async {__version__}, Python {platform.python_version()}, {platform.system()}"
    )
    for extra, package, purpose in _EXTRAS:
        if find_spec(package) is not None:
            yield Check(f"extra {extra}", State.OK, "installed")
        else:
            yield Check(
                f"extra {extra}", State.NOTE, f'optional, not installed: pip install "cmr-async[{extra}]" for {purpose}'
            )
    path = config_path()
    yield Check("profiles", State.NOTE, f"{path}, {'read' if path.is_file() else 'not there'}")


def _key() -> Check:
    source = "CMR_API_KEY" if os.environ.get("CMR_API_KEY") else "the profile"
    try:
        if load_key() is None:
            return Check("key", State.PROBLEM, "none: set CMR_API_KEY (Partner Dashboard, Settings, Integrations)")
    except CMRError as error:
        return Check("key", State.PROBLEM, error.message)
    return Check("key", State.OK, f"from {source}")


def _address() -> Check:
    named = os.environ.get("CMR_BASE_URL")
    try:
        check_base_url(named or DEFAULT_BASE_URL, allow_plain_http=plain_http_allowed())
    except CMRError as error:
        return Check("base URL", State.PROBLEM, error.message)
    return Check("base URL", State.OK, named or f"{DEFAULT_BASE_URL}, the default")


async def _api(user_id: str | None) -> AsyncIterator[Check]:
    """Ask the API for something that everybody with a key may read, and for the user."""
    dates: list[tuple[float, str]] = []

    def note_date(headers: Mapping[str, str]) -> None:
        if "Date" in headers:
            dates.append((time.time(), headers["Date"]))

    async with AsyncExitStack() as stack:
        try:
            client = await stack.enter_async_context(
                api_client(retry=RetryPolicy(time_budget=0), timeouts=_LIMITS, trace_configs=[watch_answers(note_date)])
            )
        except CMRError as error:
            yield Check("settings", State.PROBLEM, error.message)
            return
        yield await _answers(client)
        if dates:
            yield _clock(*dates[0])
        if user_id is not None:
            yield await _user(client, user_id)


async def _answers(client: AsyncClient) -> Check:
    started = time.perf_counter()
    try:
        await client.subscriptions.list(limit=1)
    except AuthenticationError as error:
        return Check("API", State.PROBLEM, f"answers, and does not take the key: {error.message}")
    except InvalidResponseError as error:
        return Check("API", State.PROBLEM, f"what answers is not the API: {error.message}")
    except APIError as error:
        return Check("API", State.PROBLEM, f"answers, and refuses a list of subscriptions: {error.message}")
    except CMRError as error:
        return Check("API", State.PROBLEM, f"cannot be reached: {error.message}")
    return Check("API", State.OK, f"takes the key; answered in {time.perf_counter() - started:.2f} s")


def _clock(ours: float, theirs: str) -> Check:
    try:
        ahead = ours - parsedate_to_datetime(theirs).timestamp()
    except ValueError:
        return Check("clock", State.NOTE, "the API's answers have no date that can be read")
    direction = "ahead of" if ahead > 0 else "behind"
    if abs(ahead) > _MOST_APART:
        detail = f"{abs(ahead):,.0f} s {direction} the API's: set it, because evidence is judged by its age"
        return Check("clock", State.PROBLEM, detail)
    return Check("clock", State.OK, "within a minute of the API's")


async def _user(client: AsyncClient, user_id: str) -> Check:
    try:
        answer = await client.users.get(user_id)
    except CMRError as error:
        return Check("user", State.PROBLEM, error.message)
    return Check("user", State.OK, f"{user_id}: {answer.message or 'the API knows it'}")


async def _journal(location: str) -> Check:
    from ...journal.journal import Journal  # noqa: PLC0415 - needs the extra `journal`
    from ...journal.states import Step, StepState  # noqa: PLC0415 - the same

    try:
        async with Journal(location, create=False, look=True) as journal:
            doubts = await journal.doubts(own_account())
            unknown = sum([(await journal.counts(step=step))[StepState.UNKNOWN] for step in Step])
    except CMRError as error:
        return Check("journal", State.PROBLEM, error.message)
    if doubts:
        return Check("journal", State.PROBLEM, f"{' '.join(doubts)} See `cmr journal adopt`.")
    if unknown:
        return Check("journal", State.NOTE, f"in order; {unknown:,} unknown: see `cmr orders reconcile`")
    return Check("journal", State.OK, "in order")
