"""What the tests of the journal begin with: a clock that stands still, orders, and steps in a certain state."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import uuid
from typing import Any

import attrs

from cmr_async import DomainRegistration, Mailbox, Order
from cmr_async.journal.journal import Claim, Journal, JournalEntry, Step, StepState
from cmr_async.models.requests import OrderRequest

PLANNED, SENT, ACCEPTED = StepState.PLANNED, StepState.SENT, StepState.ACCEPTED
REJECTED, UNKNOWN, NOT_SENT = StepState.REJECTED, StepState.UNKNOWN, StepState.NOT_SENT


def a_request(reference: str | None = "A", *, domain: str = "example.com", **order: Any) -> OrderRequest:
    registration = [DomainRegistration(domain=domain)]
    boxes = {domain: [Mailbox(username="ada", first_name="Ada", last_name="Lovelace")]}
    return OrderRequest(user_id="U1", reference=reference, order=Order(domains=registration, mailboxes=boxes, **order))


def some_requests(count: int) -> list[OrderRequest]:
    """Orders with the references R0, R1, ..."""
    return [a_request(f"R{number}", domain=f"d{number}.com") for number in range(count)]


async def claimed(journal: Journal, key: str = "A", step: Step = Step.CREATE) -> Claim:
    claim = await journal.claim(key, step=step)
    assert claim is not None
    return claim


async def an_unknown(journal: Journal, key: str = "A") -> Claim:
    await journal.add([a_request(key)])
    claim = await claimed(journal, key)
    await journal.record(claim, UNKNOWN)
    return claim


async def stored(journal: Journal, key: str = "A", step: Step = Step.CREATE) -> JournalEntry:
    entry = await journal.get(key, step=step)
    assert entry is not None
    return entry


async def changes(journal: Journal, key: str = "A") -> list[str]:
    return [event.change for event in await journal.history(key)]


def from_another_machine(journal: Journal) -> Journal:
    """Let a journal that is not open yet act from another machine, where only leases tell who is alive."""
    journal._me = journal._database._run = attrs.evolve(journal._me, machine=uuid.uuid4().hex)
    return journal


async def vanish(journal: Journal) -> None:
    """End a journal the way a killed process does: nothing more is written."""
    assert journal._heart is not None
    journal._heart.cancel()
    await asyncio.wait([journal._heart])
    await journal._database._thread.run(journal._database._disconnect)
    journal._database._thread.stop()


def psycopg_url(location: str) -> str:
    """The URL of a PostgreSQL journal as psycopg itself takes it."""
    return location.replace("postgresql+psycopg", "postgresql")


def run_python(code: str) -> str:
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=env).stdout
