"""The blocking receiver: the same answers as the async one, from any thread, with a journal that it opens itself."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from traceback import walk_tb

import pytest
import sqlalchemy as sa

from cmr_async import BlockingReceiver, ClientStateError, Journal
from cmr_async.errors import ConfigurationError, JournalError
from cmr_async.sync.portal import running_portal
from cmr_async.webhooks import Event, MailboxCreated, Reply, sign

from .conftest import Scripts

KEY = "key-of-a-receiver"


def write(event: Event, transaction: sa.Connection) -> None:
    transaction.execute(sa.text("CREATE TABLE IF NOT EXISTS notes (id TEXT)"))
    transaction.execute(sa.text("INSERT INTO notes VALUES (:id)"), {"id": event.event_id})


def notes(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [name for (name,) in connection.execute("SELECT id FROM notes ORDER BY id")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.db"


@pytest.fixture
def receiver(path: Path) -> Iterator[BlockingReceiver]:
    with BlockingReceiver(path, keys=KEY, fallback=write) as made:
        yield made


def deliver(receiver: BlockingReceiver, number: int) -> Reply:
    body = b'{"event": "mailbox.created", "eventId": "E%d"}' % number
    return receiver.receive(body, sign(body, key=KEY))


def test_an_event_has_its_effect_once(receiver: BlockingReceiver, path: Path) -> None:
    seen: list[MailboxCreated] = []

    @receiver.on(MailboxCreated)
    def handler(event: MailboxCreated, transaction: sa.Connection) -> None:
        seen.append(event)
        write(event, transaction)

    assert [deliver(receiver, 1).text, deliver(receiver, 1).text] == ["taken", "duplicate"]
    assert ([event.event_id for event in seen], notes(path)) == (["E1"], ["E1"])


def test_threads_share_it(receiver: BlockingReceiver, path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda number: deliver(receiver, number % 5).text, range(20)))
    assert sorted(replies) == ["duplicate"] * 15 + ["taken"] * 5
    assert notes(path) == [f"E{number}" for number in range(5)]


def test_a_stranger_does_not_open_the_journal(receiver: BlockingReceiver, path: Path) -> None:
    assert receiver.receive(b"{}", {}).status == 401
    assert not path.exists()


def test_a_journal_that_cannot_be_opened_is_tried_again(receiver: BlockingReceiver, path: Path) -> None:
    path.mkdir()
    reply = deliver(receiver, 1)
    assert (reply.status, type(reply.error)) == (500, JournalError)
    path.rmdir()
    assert deliver(receiver, 1).text == "taken"


def test_what_is_set_wrong_shows_no_key(path: Path) -> None:
    with pytest.raises(ConfigurationError, match="A key of a webhook must be") as raised:
        BlockingReceiver(path, keys=[KEY, "with space"], fallback=write)
    assert_no_key(raised)
    with pytest.raises(ConfigurationError, match="journal is the path or the URL of a journal: got Journal") as raised:
        BlockingReceiver(Journal(path), keys=KEY, fallback=write)  # type: ignore[arg-type]
    assert_no_key(raised)


def assert_no_key(raised: pytest.ExceptionInfo[ConfigurationError]) -> None:
    """A traceback that shows the variables of the SDK shows no key."""
    of_the_sdk = [frame.f_locals for frame, _ in walk_tb(raised.tb) if frame.f_globals["__name__"] != __name__]
    assert of_the_sdk
    assert KEY not in repr(of_the_sdk)


def test_a_closed_receiver_takes_nothing(receiver: BlockingReceiver, path: Path) -> None:
    deliver(receiver, 1)
    receiver.close()
    with pytest.raises(ClientStateError, match="This receiver is closed"):
        deliver(receiver, 2)
    with BlockingReceiver(path, keys=KEY, fallback=write) as another:
        assert deliver(another, 1).text == "duplicate"


def test_it_is_no_way_to_wait_for_itself(receiver: BlockingReceiver) -> None:
    async def on_the_loop() -> None:
        deliver(receiver, 1)

    with pytest.raises(ClientStateError, match="It would wait for itself"):
        running_portal().call(on_the_loop)


RECEIVER = """
from cmr_async import BlockingReceiver
from cmr_async.webhooks import sign
receiver = BlockingReceiver("run.db", keys="k", fallback=lambda event, transaction: None)
def deliver(name):
    body = b'{"eventId": "%s"}' % name
    return receiver.receive(body, sign(body, key="k")).text
"""


def test_a_process_that_ends_closes_the_journal(scripts: Scripts) -> None:
    assert scripts.run(RECEIVER + "print(deliver(b'E1'))") == "taken\n"
    with closing(sqlite3.connect(scripts.folder / "run.db")) as connection:
        assert connection.execute("SELECT ended IS NULL FROM cmr_runs").fetchall() == [(0,)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_a_receiver_made_before_a_fork_is_used_on_both_sides(scripts: Scripts) -> None:
    printed = scripts.run(
        RECEIVER
        + """
print(deliver(b"before"))
pid = os.fork()
if not pid:
    print(deliver(b"before"), deliver(b"child"))
    sys.exit()
assert os.waitpid(pid, 0)[1] == 0
print(deliver(b"child"), deliver(b"after"))
"""
    )
    assert printed == "taken\nduplicate taken\nduplicate taken\n"
