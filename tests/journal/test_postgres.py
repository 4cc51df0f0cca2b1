"""What only PostgreSQL brings: other tables beside the journal's, servers that answer early, deadlocks, lost hosts."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
import sqlalchemy as sa

from cmr_async import DomainRegistration, Order
from cmr_async.errors import JournalError, JournalVersionError
from cmr_async.journal.journal import Journal, StepState
from cmr_async.models.requests import OrderRequest


def requests(count: int) -> list[OrderRequest]:
    return [
        OrderRequest(user_id="U1", reference=f"R{n}", order=Order(domains=[DomainRegistration(domain=f"d{n}.com")]))
        for n in range(count)
    ]


def plain_url(location: str) -> str:
    return location.replace("postgresql+psycopg", "postgresql")


async def test_the_journal_lives_beside_tables_of_other_programs(postgresql_location: str) -> None:
    with psycopg.connect(plain_url(postgresql_location), autocommit=True) as connection:
        connection.execute("CREATE TABLE orders (theirs int)")
    async with Journal(postgresql_location) as journal:
        await journal.add(requests(1))
    with psycopg.connect(plain_url(postgresql_location)) as connection:
        found = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema"
        )
        names = {row[0] for row in found}
    assert names == {"orders"} | {f"cmr_{name}" for name in ("events", "meta", "orders", "runs", "slots", "steps")}


async def test_a_server_that_answers_before_the_commit_is_on_disk_is_told_not_to(postgresql_location: str) -> None:
    url = sa.make_url(postgresql_location)
    options = f"{url.query['options']} -c synchronous_commit=off"
    async with Journal(url.update_query_dict({"options": options}).render_as_string()) as journal:
        writer = journal._database._writer
        assert writer is not None
        assert writer.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
        writer.rollback()


async def test_many_that_open_a_new_journal_at_once_make_it_once(postgresql_location: str) -> None:
    journals = [Journal(postgresql_location) for _ in range(6)]
    await asyncio.gather(*(journal.start() for journal in journals))
    await asyncio.gather(*(journal.close() for journal in journals))


async def test_another_schema_version_is_refused(postgresql_location: str) -> None:
    async with Journal(postgresql_location):
        pass
    with psycopg.connect(plain_url(postgresql_location), autocommit=True) as connection:
        connection.execute("UPDATE cmr_meta SET value = '99'")
    with pytest.raises(JournalVersionError, match="has schema version 99"):
        await Journal(postgresql_location).start()


async def test_groups_that_cross_each_other_end_without_harm(postgresql_location: str) -> None:
    """Two handles free and claim the same rows in opposite order, again and again."""
    keys = [f"R{n}" for n in range(30)]
    async with Journal(postgresql_location) as one, Journal(postgresql_location) as two:
        await one.add(requests(30))

        async def work(journal: Journal, key: str) -> int:
            sends = 0
            while sends < 3 and (claim := await journal.claim(key)):
                sends += 1
                await journal.record(claim, StepState.NOT_SENT)
            return sends

        done = await asyncio.gather(*(work(one, key) for key in keys), *(work(two, key) for key in reversed(keys)))
        counts = await one.counts()
        sent = [event.change for key in keys for event in await one.history(key)].count("sent")
    assert counts[StepState.NOT_SENT] == 30
    assert sent == sum(done)


async def test_a_lost_connection_is_said_and_replaced(postgresql_location: str) -> None:
    async with Journal(postgresql_location) as journal:
        await journal.add(requests(2))
        with psycopg.connect(plain_url(postgresql_location), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                "AND backend_type = 'client backend'"
            )
        with pytest.raises(JournalError, match="cannot be used"):
            await journal.claim("R0")
        assert await journal.claim("R1") is not None
        entry = await journal.get("R0")
    assert entry is not None
    assert entry.state is StepState.PLANNED


async def test_a_server_that_is_not_there_is_said_without_the_password() -> None:
    with pytest.raises(JournalError) as caught:
        await Journal("postgresql://ada:secret@127.0.0.1:1/db?connect_timeout=2").start()
    assert "postgresql+psycopg://ada:***@127.0.0.1:1/db" in caught.value.message
    assert "secret" not in caught.value.message
