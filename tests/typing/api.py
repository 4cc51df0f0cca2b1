"""Checked by mypy and pyright, never run: the type of each public method of the async client, its groups and its runs.

A test in `tests/sync/test_parity.py` makes sure that no method is missing here.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path
from typing import assert_type

import aiohttp
from aiohttp.abc import AbstractResolver

from cmr_async import (
    AsyncClient,
    BulkRun,
    BulkSummary,
    Envelope,
    MailboxOrder,
    Order,
    OrderCreated,
    OrderOutcome,
    OrderPreflight,
    OrderProgress,
    OrderRequest,
    OrderState,
    OrderToken,
    Pace,
    ProcessEndpoint,
    RetryPolicy,
    Stall,
    Timeouts,
)
from cmr_async.bulk.evidence import Finding
from cmr_async.journal.journal import Journal
from cmr_async.journal.records import JournalEntry
from cmr_async.journal.states import Step


async def the_client_itself(session: aiohttp.ClientSession, resolver: AbstractResolver) -> None:
    async with AsyncClient("key", "https://host", gap=0, timeouts=Timeouts(), retry=RetryPolicy()) as client:
        assert_type(client, AsyncClient)
        assert_type(client.stall, Stall | None)
        assert_type(await client.close(), None)
    AsyncClient(endpoints={"orders.process": ProcessEndpoint(path="/run", order_id_in="query", user_id_in="body")})
    AsyncClient(key_header="x-key", endpoints={"orders.process": "/path"}, session=session, ssl=False)
    AsyncClient(headers={"X-Gateway": "token"}, proxy="http://proxy", proxy_headers={"X-Tenant": "ours"})
    AsyncClient(lambda: "key", ssl=False, trust_env=True, max_answer=4_000_000)
    AsyncClient(local_addr=("10.0.0.5", 0), resolver=resolver, trace_configs=[aiohttp.TraceConfig()])
    AsyncClient(connector_factory=lambda: aiohttp.UnixConnector("/run/api.sock", force_close=True))


async def orders(client: AsyncClient, order: Order) -> None:
    assert_type(await client.orders.create(order, user_id="u", timeout=1.0), OrderCreated)
    assert_type((await client.orders.create(order, user_id="u")).order_id, str)
    boxes = MailboxOrder(subscription_id="s")
    assert_type(await client.orders.create_mailboxes(boxes, user_id="u", timeout=1.0), OrderCreated)
    assert_type(await client.orders.preflight(order, user_id="u", timeout=1.0), OrderPreflight)
    assert_type(await client.orders.process("o", user_id="u", timeout=1.0), Envelope)
    assert_type(await client.orders.status("o", user_id="u", timeout=1.0), Envelope)
    token = client.orders.token("o", user_id="u", order=order, unavailable=["a.com"])
    assert_type(token, OrderToken)
    assert_type(
        await client.orders.wait("o", user_id="u", order=boxes, unavailable=["a.com"], journal="run.db"), OrderProgress
    )
    assert_type(client.orders.wait_all([token], changes=True, timeout=None), AsyncGenerator[OrderProgress, None])


async def lookups(client: AsyncClient) -> None:
    assert_type(await client.users.get("u", timeout=1.0), Envelope)
    assert_type(await client.domains.by_user("u", timeout=1.0), Envelope)
    assert_type(await client.domains.has_workspace("d", service_provider="GOOGLE", timeout=1.0), Envelope)
    assert_type(await client.subscriptions.list(domain="d", status="ACTIVE", page=1, limit=50, timeout=1.0), Envelope)


async def bulk(
    client: AsyncClient, plain: Iterator[OrderRequest], waiting: AsyncIterator[OrderRequest], journal: Journal
) -> None:
    assert_type(client.bulk.submit(plain, journal=Path("run.db"), concurrency=4, stop_after_unknown=1), BulkRun)
    assert_type(client.bulk.submit(waiting, journal="postgresql://host/orders"), BulkRun)
    assert_type(client.bulk.submit([], journal=None), BulkRun)
    assert_type(client.bulk.process(journal, references=["a"], concurrency=4, stop_after_unknown=1), BulkRun)
    assert_type(client.bulk.reconcile(journal, settle=1.0, events=[{"event": "e"}]), AsyncGenerator[Finding, None])
    assert_type(client.bulk.track(journal, changes=True, timeout=1.0), AsyncGenerator[OrderProgress, None])
    assert_type(client.bulk.reconcile(journal, references=["a"]), AsyncGenerator[Finding, None])
    assert_type(await client.bulk.resubmit(journal, "a", step=Step.PROCESS, reason="it never arrived"), JournalEntry)
    assert_type(await client.bulk.resubmit(journal, "a", second_draft=True), JournalEntry)
    assert_type(await client.bulk.resubmit_all(journal, "absent", step=Step.PROCESS, reason="all looked at"), list[str])


async def runs(run: BulkRun) -> None:
    async with run as entered:
        assert_type(entered, BulkRun)
        async for outcome in run:
            assert_type(outcome, OrderOutcome)
            assert_type(outcome.state, OrderState)
            assert_type(outcome.order_id, str | None)
    assert_type(run.stop("enough"), None)
    assert_type(run.give_up(), None)
    assert_type(await run.close(), None)
    assert_type(run.in_flight, dict[int, OrderRequest])
    assert_type(run.summary, BulkSummary)
    assert_type(run.paused_for, float)
    assert_type(run.pace, Pace)
    assert_type(run.stall, Stall | None)
    assert_type(run.drained, list[OrderOutcome])


async def what_is_wrong_is_an_error(client: AsyncClient, order: Order) -> None:
    await client.orders.create(order)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await client.orders.create(order, "u")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await client.users.get(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.bulk.submit(["order"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
