"""A receiver takes each genuine event once, with its effect, and tells a stranger nothing."""

from __future__ import annotations

import asyncio
import inspect
import io
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from functools import partial
from traceback import walk_tb
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer

from cmr_async import Journal
from cmr_async.errors import ConfigurationError, JournalError
from cmr_async.models.tracking import ProvisionState
from cmr_async.webhooks import (
    DomainExpired,
    DomainOrderFailed,
    Event,
    MailboxCreated,
    Receiver,
    RefusalReason,
    Reply,
    SignatureScheme,
    SubscriptionEvent,
    SubscriptionExpired,
    SubscriptionRenewing,
    UnknownEvent,
    WebhookEvent,
    sign,
)
from tests.webhooks.leaving import leave_in_mid_body

KEY = "key-of-a-receiver"
NOW = 1_700_000_000.0
SECRET = "hunter2-hunter2"


def body(name: str = "mailbox.created", event_id: str | None = "E1", **data: Any) -> bytes:
    data = {"orderId": "O", "email": "ada@one.com", "password": SECRET, **data}
    return orjson.dumps({"event": name, "eventId": event_id, "data": data})


def signed(content: bytes, *, key: str = KEY, now: float = NOW) -> dict[str, str]:
    return sign(content, key=key, now=now)


def nothing(event: Event, transaction: sa.Connection) -> None:
    """Take an event without an effect."""


def a_receiver(journal: Journal, **settings: Any) -> Receiver:
    return Receiver(journal, **{"keys": KEY, "fallback": nothing, "now": lambda: NOW, **settings})


async def take(receiver: Receiver, content: bytes) -> Reply:
    return await receiver.receive(content, signed(content))


async def a_coroutine(event: Event, transaction: sa.Connection) -> None:
    raise AssertionError


def a_generator(event: Event, transaction: sa.Connection) -> Iterator[None]:
    yield
    raise AssertionError


async def an_async_generator(event: Event, transaction: sa.Connection) -> AsyncIterator[None]:
    yield
    raise AssertionError


class Callables:
    async def __call__(self, event: Event, transaction: sa.Connection) -> None:
        raise AssertionError


class Waits:
    def __await__(self) -> Iterator[None]:
        raise AssertionError


NOT_PLAIN = [a_coroutine, a_generator, an_async_generator]


NOTES = sa.Table("notes", sa.MetaData(), sa.Column("text", sa.Text))


def write(event: Event, transaction: sa.Connection) -> None:
    NOTES.create(transaction, checkfirst=True)
    transaction.execute(sa.insert(NOTES).values(text=event.event_id))


async def notes(journal: Journal) -> list[str]:
    """What handlers have written, in the journal's own database."""
    there = await journal._database.read(lambda transaction: sa.inspect(transaction.connection).has_table("notes"))
    return [row.text for row in await journal._database.rows(sa.select(NOTES))] if there else []


async def taken(journal: Journal) -> list[str]:
    return [delivery.id async for delivery in journal.tracking.deliveries()]


@pytest.fixture
async def journal(location: str) -> Any:
    async with Journal(location) as opened:
        yield opened
        if opened._database.dialect == "postgresql":
            await opened._database.write(lambda transaction: NOTES.drop(transaction.connection, checkfirst=True))


async def test_an_event_has_its_effect_once(journal: Journal) -> None:
    receiver = a_receiver(journal)
    receiver.on(MailboxCreated)(write)
    first, again = await take(receiver, body()), await take(receiver, body())
    assert (first.status, first.text, first.is_duplicate, again.status, again.text, again.is_duplicate) == (
        *(200, "taken", False),
        *(200, "duplicate", True),
    )
    assert isinstance(again.event, MailboxCreated)
    assert (await notes(journal), await taken(journal)) == (["E1"], ["E1"])


async def test_its_domain_and_mailbox_are_noted_with_it(journal: Journal) -> None:
    receiver = a_receiver(journal)
    await take(receiver, body(event_id="E1"))
    await take(receiver, body("domain.order.failed", "E2", domainName="one.com", reason="taken"))
    await take(receiver, body("domain.order.failed", "E3", domainName="two.com", reason="taken"))
    known = {one.name: (one.state, one.reason) async for one in journal.tracking.provisions()}
    assert known == {
        "ada@one.com": (ProvisionState.ACTIVE, ""),
        "one.com": (ProvisionState.ACTIVE, ""),
        "two.com": (ProvisionState.FAILED, "taken"),
    }


async def test_copies_that_come_at_once_have_one_effect(journal: Journal) -> None:
    receiver = a_receiver(journal)
    receiver.on(MailboxCreated)(write)
    replies = await asyncio.gather(*(take(receiver, body()) for _ in range(5)))
    assert sorted(reply.text for reply in replies) == ["duplicate"] * 4 + ["taken"]
    assert await notes(journal) == ["E1"]


async def test_a_handler_that_fails_leaves_nothing_and_is_called_again(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = a_receiver(journal)
    faults: list[Exception] = [ValueError(SECRET), OSError(SECRET), sa.exc.IntegrityError(SECRET, {}, Exception())]

    @receiver.on(MailboxCreated)
    def handler(event: MailboxCreated, transaction: sa.Connection) -> None:
        write(event, transaction)
        if faults:
            raise faults[0]

    while faults:
        reply = await take(receiver, body())
        assert (reply.status, reply.text, reply.error) == (500, "failed", faults.pop(0))
        assert SECRET not in repr(reply)
        assert (await notes(journal), await taken(journal)) == ([], [])
        assert [one async for one in journal.tracking.provisions()] == []
    assert (await take(receiver, body())).text == "taken"
    assert (await notes(journal), await taken(journal)) == (["E1"], ["E1"])
    assert [record.getMessage().partition(" (")[0] for record in caplog.records] == [
        f"webhook mailbox.created E1: not taken, {name}" for name in ("ValueError", "OSError", "IntegrityError")
    ]
    assert SECRET not in caplog.text


@pytest.mark.parametrize("end", [sa.Connection.commit, sa.Connection.rollback])
async def test_a_handler_that_ends_the_transaction_is_an_error(
    journal: Journal, end: Callable[[sa.Connection], None]
) -> None:
    reply = await take(a_receiver(journal, fallback=lambda event, transaction: end(transaction)), body())
    assert (reply.status, reply.text, type(reply.error)) == (500, "failed", JournalError)
    assert "must not commit or roll back" in str(reply.error)


async def test_a_statement_that_may_fail_stands_in_a_savepoint(journal: Journal) -> None:
    def handler(event: Event, transaction: sa.Connection) -> None:
        write(event, transaction)
        with suppress(sa.exc.DBAPIError), transaction.begin_nested():
            transaction.execute(sa.text("SELECT * FROM no_such_table"))
        transaction.execute(sa.insert(NOTES).values(text="afterwards"))

    assert (await take(a_receiver(journal, fallback=handler), body())).status == 200
    assert await notes(journal) == ["E1", "afterwards"]


@pytest.mark.parametrize("error", [SystemExit(2), KeyboardInterrupt(), asyncio.CancelledError(), StopIteration()])
async def test_no_handler_ends_the_program(journal: Journal, error: BaseException) -> None:
    def leave(event: Event, transaction: sa.Connection) -> None:
        write(event, transaction)
        raise error

    reply = await take(a_receiver(journal, fallback=leave), body())
    assert (reply.status, reply.text, type(reply.error)) == (500, "failed", RuntimeError)
    assert reply.error is not None
    assert reply.error.__cause__ is error
    assert (await notes(journal), await taken(journal)) == ([], [])


async def test_a_database_that_fails_is_answered_with_500(tmp_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    receiver = a_receiver(Journal(tmp_path / "never-opened.db"))
    reply = await take(receiver, body())
    assert (reply.status, reply.text, type(reply.error)) == (500, "failed", JournalError)
    assert "not taken, JournalError (database.py:" in caplog.text
    assert "): The journal " in caplog.text
    assert caplog.messages[0].endswith(f": {reply.error}")


async def test_the_journal_keeps_no_secret(journal: Journal) -> None:
    await take(a_receiver(journal), body(smtp={"pass": SECRET}))
    (kept,) = [delivery async for delivery in journal.tracking.deliveries()]
    assert kept.content == {
        "event": "mailbox.created",
        "eventId": "E1",
        "data": {"orderId": "O", "email": "ada@one.com"},
    }


@pytest.mark.parametrize(
    ("content", "headers", "answer"),
    [
        (body(), {}, (401, "no_signature")),
        (body(), signed(body(), key="another"), (401, "wrong_signature")),
        (body(event_id="E2"), signed(body()), (401, "wrong_signature")),
        (body(), signed(body(), now=NOW - 301), (401, "too_old")),
        (body(), signed(body(), now=NOW + 301), (401, "too_new")),
        (body(), {**signed(body()), "cmr-x-timestamp": "now"}, (401, "unreadable_timestamp")),
        (b"[]", signed(b"[]"), (400, "not_an_object")),
        (b"x" * 2000, signed(b"x" * 2000), (413, "body_too_long")),
        (body().decode(), signed(body()), (400, "body_not_bytes")),
        (body(), 5, (401, "unreadable_headers")),
    ],
)
async def test_what_is_refused_is_told_the_reason_and_nothing_else(
    content: Any, headers: Any, answer: tuple[int, str], tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    status, text = answer
    async with Journal(tmp_path / "run.db") as journal:
        reply = await a_receiver(journal, max_body=1000).receive(content, headers)
        assert (reply.status, reply.text, reply.event, reply.error) == (status, text, None, None)
        assert reply.refusal is not None
        assert reply.refusal.reason is RefusalReason(text)
        assert await taken(journal) == []
    assert caplog.messages == [f"webhook refused: {text}"]


async def test_the_most_special_handler_is_called_and_the_fallback_for_the_rest(tmp_path: Any) -> None:
    called: list[tuple[str, type[WebhookEvent]]] = []

    def noting(name: str) -> Callable[[WebhookEvent, sa.Connection], None]:
        return lambda event, transaction: called.append((name, type(event)))

    async with Journal(tmp_path / "run.db") as journal:
        receiver = a_receiver(journal, fallback=noting("fallback"))
        receiver.on(SubscriptionEvent)(noting("subscription"))
        receiver.on(SubscriptionExpired)(noting("expired"))
        for number, name in enumerate(["subscription.renewing", "subscription.expired", "domain.expired", "order.new"]):
            await take(receiver, body(name, f"E{number}"))
    assert called == [
        ("subscription", SubscriptionRenewing),
        ("expired", SubscriptionExpired),
        ("fallback", DomainExpired),
        ("fallback", UnknownEvent),
    ]


async def test_events_without_an_id_are_known_by_their_body(journal: Journal) -> None:
    receiver = a_receiver(journal, fallback=write)
    replies = [await take(receiver, body("domain.expired", None, orderId=order)) for order in ("A", "A", "B")]
    assert [reply.text for reply in replies] == ["taken", "duplicate", "taken"]


async def test_each_reply_is_told_and_what_the_listener_raises_changes_nothing(
    tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Reply] = []

    def listen(reply: Reply) -> None:
        told.append(reply)
        raise ValueError(SECRET)

    async with Journal(tmp_path / "run.db") as journal:
        receiver = a_receiver(journal, on_reply=listen)
        replies = [await take(receiver, body()), await receiver.receive(b"", {})]
    assert replies == told
    assert [reply.status for reply in replies] == [200, 401]
    assert caplog.messages[0].startswith("webhook: on_reply failed with ValueError (test_receiver.py:")
    assert SECRET not in caplog.text


async def test_a_caller_that_leaves_changes_nothing(journal: Journal) -> None:
    receiver = a_receiver(journal, fallback=write)
    call = asyncio.ensure_future(take(receiver, body()))
    await asyncio.sleep(0)
    call.cancel()
    assert (await take(receiver, body())).status == 200
    assert await notes(journal) == ["E1"]


async def test_a_key_that_is_on_its_way_out_is_still_taken(tmp_path: Any) -> None:
    scheme = SignatureScheme(signed_content="{timestamp}.{body}")
    async with Journal(tmp_path / "run.db") as journal:
        receiver = a_receiver(journal, keys=iter(["new", "old"]), scheme=scheme)
        for number, key in enumerate(("new", "old", "new")):
            content = body(event_id=f"E{number}")
            headers = sign(content, key=key, now=NOW, scheme=scheme)
            assert (await receiver.receive(content, headers)).text == "taken"
    assert "old" not in repr(receiver)


@pytest.mark.parametrize("keys", ["", [], ["with space"], {"production": KEY}, None, 5, b"bytes", [None]])
def test_a_receiver_without_a_usable_key_is_not_made(keys: Any, tmp_path: Any) -> None:
    with pytest.raises(ConfigurationError, match="key"):
        a_receiver(Journal(tmp_path / "run.db"), keys=keys)


@pytest.mark.parametrize("journal", ["run.db", None, Journal])
def test_what_is_no_journal_is_refused(journal: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"into a journal, such as `Journal\('run\.db'\)`: got \w+\."):
        a_receiver(journal)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"now": NOW}, "now is a function"),
        ({"on_reply": "print"}, "on_reply is a plain function"),
        ({"on_reply": a_coroutine}, "on_reply is a plain function"),
        ({"on_reply": a_generator}, "on_reply is a plain function"),
    ],
)
def test_what_is_no_function_is_refused(settings: dict[str, Any], said: str, tmp_path: Any) -> None:
    with pytest.raises(ConfigurationError, match=said):
        a_receiver(Journal(tmp_path / "run.db"), **settings)


async def test_what_on_reply_would_leave_to_be_awaited_is_said(tmp_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    receiver = a_receiver(Journal(tmp_path / "run.db"), on_reply=lambda reply: a_coroutine(reply, reply))
    assert (await receiver.receive(b"", {})).status == 401
    assert caplog.messages[-1].startswith("webhook: on_reply failed with ConfigurationError (")


async def test_on_reply_may_begin_a_task(tmp_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    tasks: list[asyncio.Task[None]] = []

    async def tell() -> None:
        """Tell somebody."""

    def begin(reply: Reply) -> asyncio.Task[None]:
        tasks.append(asyncio.create_task(tell()))
        return tasks[-1]

    assert (await a_receiver(Journal(tmp_path / "run.db"), on_reply=begin).receive(b"", {})).status == 401
    await asyncio.gather(*tasks)
    assert caplog.messages == ["webhook refused: no_signature"]


def test_nothing_shows_the_keys_of_a_receiver(tmp_path: Any) -> None:
    journal = Journal(tmp_path / "run.db")
    assert KEY not in repr(vars(a_receiver(journal)))
    assert KEY not in repr(vars(a_receiver(journal, keys=[KEY, "another"])))
    with pytest.raises(ConfigurationError) as raised:
        Receiver(journal, keys=[KEY, "with space"], fallback=nothing)
    of_the_sdk = [frame.f_locals for frame, _ in walk_tb(raised.tb) if frame.f_globals["__name__"] != __name__]
    assert of_the_sdk
    assert KEY not in repr(of_the_sdk)


def test_handlers_that_cannot_run_in_a_transaction_are_refused(tmp_path: Any) -> None:
    journal = Journal(tmp_path / "run.db")
    for handler in (*NOT_PLAIN, *map(partial, NOT_PLAIN), Callables()):
        with pytest.raises(ConfigurationError, match="without async and yield: it runs inside a transaction"):
            a_receiver(journal, fallback=handler)
    with pytest.raises(ConfigurationError, match="a function \\(event, transaction\\): got None"):
        a_receiver(journal, fallback=None)
    receiver = a_receiver(journal)
    with pytest.raises(ConfigurationError, match="without async and yield"):
        receiver.on(MailboxCreated)(a_coroutine)
    with pytest.raises(ConfigurationError, match=r"classes of events, such as MailboxCreated: got 'mailbox\.created'"):
        receiver.on("mailbox.created")  # type: ignore[arg-type]
    receiver.on(MailboxCreated)(nothing)
    with pytest.raises(ConfigurationError, match="MailboxCreated has a handler already"):
        receiver.on(MailboxCreated)(nothing)


@pytest.mark.parametrize("handler", [*NOT_PLAIN, lambda event, transaction: Waits()])
async def test_what_would_have_to_be_run_afterwards_is_an_error_of_the_handler(
    handler: Callable[..., Any], journal: Journal
) -> None:
    made = []

    def in_disguise(event: Event, transaction: sa.Connection) -> object:
        made.append(handler(event, transaction))
        return made[0]

    reply = await take(a_receiver(journal, fallback=in_disguise), body())
    assert (reply.status, type(reply.error)) == (500, ConfigurationError)
    assert await taken(journal) == []
    if handler is a_coroutine:
        assert inspect.getcoroutinestate(made[0]) == inspect.CORO_CLOSED
    if handler is a_generator:
        assert inspect.getgeneratorstate(made[0]) == inspect.GEN_CLOSED


async def test_a_decorated_handler_stays_a_function(tmp_path: Any) -> None:
    receiver = a_receiver(Journal(tmp_path / "run.db"))
    assert receiver.on(DomainOrderFailed)(nothing) is nothing


async def test_it_is_mounted_in_aiohttp(tmp_path: Any) -> None:
    async with Journal(tmp_path / "run.db") as journal:
        app = web.Application()
        app.add_routes(a_receiver(journal).routes("/hooks"))
        async with TestClient(TestServer(app)) as client:
            for headers, status, text in ((signed(body()), 200, "taken"), ({}, 401, "no_signature")):
                async with client.post("/hooks", data=body(), headers=headers) as answer:
                    assert (answer.status, await answer.text()) == (status, text)
            async with client.post("/hooks", data=io.BytesIO(b" " * (1 << 21))) as answer:
                assert answer.status == 413
        assert await taken(journal) == ["E1"]


async def test_a_body_that_aiohttp_cannot_unpack_is_a_bad_request(
    tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = web.Application()
    app.add_routes(a_receiver(Journal(tmp_path / "run.db")).routes("/hooks"))
    async with TestClient(TestServer(app)) as client:
        headers = {**signed(b"no gzip"), "Content-Encoding": "gzip"}
        async with client.post("/hooks", data=b"no gzip", headers=headers) as answer:
            assert (answer.status, await answer.text()) == (400, "unreadable_body")
    assert caplog.messages == ["webhook refused: unreadable_body"]


async def test_a_client_that_leaves_in_the_middle_of_a_body_is_no_fault(
    tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = web.Application()
    app.add_routes(a_receiver(Journal(tmp_path / "run.db")).routes("/"))
    runner = web.AppRunner(app)  # unlike the server for tests, it cancels no handler
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    await leave_in_mid_body(port)
    async with ClientSession() as session, session.post(f"http://127.0.0.1:{port}/", data=b"{}") as answer:
        assert answer.status == 401
    await runner.cleanup()
    assert [record.getMessage() for record in caplog.records if record.levelname != "INFO"] == [
        "webhook refused: unreadable_body",
        "webhook refused: no_signature",
    ]
