"""Checked by mypy and pyright, never run: a blocking call has the type of the async one without its `await`.

`same` takes a pair of values of exactly one type; for the parameters, mypy and pyright compare each method of the
blocking client with the async one where it passes them on (`Lifetime.call` in `cmr_async/sync/client.py`).
"""

from __future__ import annotations

from typing import Generic, TypeVar, assert_type

from cmr_async import (
    AsyncClient,
    BulkSummary,
    Client,
    Envelope,
    MailboxOrder,
    Order,
    OrderCreated,
    OrderOutcome,
    OrderPreflight,
    OrderProgress,
    OrderRequest,
    OrderToken,
)
from cmr_async.bulk.evidence import Finding
from cmr_async.journal.records import JournalEntry
from cmr_async.sync import BlockingBulkRun, BlockingIterator

T = TypeVar("T")


class Exactly(Generic[T]):
    """Invariant in `T`, so that two of them match only when both types are one."""

    def __init__(self, value: T) -> None:
        self.value = value

    def same(self, other: Exactly[T]) -> None: ...


async def orders(waiting: AsyncClient, blocking: Client, order: Order) -> None:
    created = blocking.orders.create(order, user_id="u", timeout=1.0)
    assert_type(created, OrderCreated)
    Exactly(await waiting.orders.create(order, user_id="u", timeout=1.0)).same(Exactly(created))
    boxes = MailboxOrder(domain_id="d")
    added = blocking.orders.create_mailboxes(boxes, user_id="u")
    assert_type(added, OrderCreated)
    Exactly(await waiting.orders.create_mailboxes(boxes, user_id="u")).same(Exactly(added))
    found = blocking.orders.preflight(order, user_id="u")
    assert_type(found, OrderPreflight)
    Exactly(await waiting.orders.preflight(order, user_id="u")).same(Exactly(found))
    processed = blocking.orders.process("o", user_id="u")
    assert_type(processed, Envelope)
    Exactly(await waiting.orders.process("o", user_id="u")).same(Exactly(processed))
    status = blocking.orders.status("o", user_id="u")
    assert_type(status, Envelope)
    Exactly(await waiting.orders.status("o", user_id="u")).same(Exactly(status))
    token = blocking.orders.token("o", user_id="u", order=order)
    assert_type(token, OrderToken)
    Exactly(waiting.orders.token("o", user_id="u", order=order)).same(Exactly(token))
    progress = blocking.orders.wait(token, timeout=1.0)
    assert_type(progress, OrderProgress)
    Exactly(await waiting.orders.wait(token, timeout=1.0)).same(Exactly(progress))


async def lookups(waiting: AsyncClient, blocking: Client) -> None:
    user = blocking.users.get("u")
    assert_type(user, Envelope)
    Exactly(await waiting.users.get("u")).same(Exactly(user))
    domains = blocking.domains.by_user("u")
    assert_type(domains, Envelope)
    Exactly(await waiting.domains.by_user("u")).same(Exactly(domains))
    workspace = blocking.domains.has_workspace("d")
    assert_type(workspace, Envelope)
    Exactly(await waiting.domains.has_workspace("d")).same(Exactly(workspace))
    subscriptions = blocking.subscriptions.list(page=1)
    assert_type(subscriptions, Envelope)
    Exactly(await waiting.subscriptions.list(page=1)).same(Exactly(subscriptions))


async def runs(waiting: AsyncClient, blocking: Client, requests: list[OrderRequest]) -> None:
    with blocking.bulk.submit(requests, concurrency=4) as run:
        assert_type(run, BlockingBulkRun)
        for outcome in run:
            assert_type(outcome, OrderOutcome)
        assert_type(run.summary, BulkSummary)
        assert_type(run.drained, list[OrderOutcome])
        run.stop("enough")
    async for waited in waiting.bulk.submit(requests, concurrency=4):
        assert_type(waited, OrderOutcome)
    assert_type(blocking.bulk.process("run.db", references=["a"]), BlockingBulkRun)


async def resubmission(waiting: AsyncClient, blocking: Client) -> None:
    entry = blocking.bulk.resubmit("run.db", "a", reason="it never arrived")
    assert_type(entry, JournalEntry)
    Exactly(await waiting.bulk.resubmit("run.db", "a")).same(Exactly(entry))
    keys = blocking.bulk.resubmit_all("run.db", "drafts")
    assert_type(keys, list[str])
    Exactly(await waiting.bulk.resubmit_all("run.db", "rejected")).same(Exactly(keys))


async def iterators(waiting: AsyncClient, blocking: Client) -> None:
    findings = blocking.bulk.reconcile("run.db")
    assert_type(findings, BlockingIterator[Finding])
    for finding in findings:
        assert_type(finding, Finding)
    async for found in waiting.bulk.reconcile("run.db"):
        assert_type(found, Finding)
    assert_type(blocking.bulk.track("run.db"), BlockingIterator[OrderProgress])
    async for tracked in waiting.bulk.track("run.db"):
        assert_type(tracked, OrderProgress)
    assert_type(blocking.orders.wait_all([], changes=True), BlockingIterator[OrderProgress])
    async for waited in waiting.orders.wait_all([]):
        assert_type(waited, OrderProgress)


def the_client_itself() -> None:
    with Client("key", gap=0) as cmr:
        assert_type(cmr, Client)
        assert_type(cmr.close(), None)


def what_is_wrong_is_an_error(blocking: Client, order: Order) -> None:
    blocking.orders.create(order)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    blocking.orders.create("order", user_id="u")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    blocking.orders.create(order, user_id="u", tiemout=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Client(session=None)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
