"""`--check`: ask the API about the domains of each order first, and send nothing unless all is clear."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import islice

import typer

from ...client import AsyncClient
from ...core.printable import printable
from ...models import Order
from ...models.checks import OrderPreflight
from ...preflight.plan import Plan
from ..api import api_client
from ..exit_codes import ExitCode
from ..streams import complain, counted, note
from .order_input import OrderInput
from .run import Connect

#: Orders that are asked about at once; the pace of the key holds for all of them.
_AT_ONCE = 8


def check_orders(orders: OrderInput, plan: Plan, connect: Connect = api_client) -> None:
    """Ask about the workspace of each domain that the run would order for, and exit when an answer looks wrong.

    Args:
        orders: The file.
        plan: What was shown; only as many orders are asked about as its limits let through.
        connect: Returns the client.

    Raises:
        CMRError: The API could not be asked.
        typer.Exit: For some domain the API did not say that there is no workspace.
    """
    asked, wrong = asyncio.run(_ask(orders, plan, connect))
    if wrong:
        complain(
            f"cmr: for {wrong:,} of {counted(asked, 'domain')} the API did not say that there is no workspace; nothing "
            "was sent. Take these orders out of the file, or run without --check."
        )
        raise typer.Exit(ExitCode.USAGE)
    note(f"Checked: no workspace at {counted(asked, 'domain')}. Availability was not asked: no source says how.")


async def _ask(orders: OrderInput, plan: Plan, connect: Connect) -> tuple[int, int]:
    """Return how many domains were asked about, and for how many the answer looks wrong."""
    asked = wrong = 0
    ahead = islice(_to_send(orders), plan.affordable)
    async with connect() as client:
        while some := list(islice(ahead, _AT_ONCE)):
            for row, found in await asyncio.gather(*(_ask_one(client, *each) for each in some)):
                asked += len(found.workspaces)
                wrong += len(found.problems)
                for problem in found.problems:
                    complain(printable(f"{orders.source.name}, row {row}: {problem}"))
    return asked, wrong


async def _ask_one(client: AsyncClient, row: int, order: Order, user_id: str) -> tuple[int, OrderPreflight]:
    return row, await client.orders.preflight(order, user_id=user_id)


def _to_send(orders: OrderInput) -> Iterator[tuple[int, Order, str]]:
    """Yield row, order and user of what is to be asked about; a domain with mailboxes to add is there already."""
    for order in orders.checked():
        if order.checked is None or order.settled is not None or order.draft is not None:
            continue
        request = order.checked.request
        if isinstance(request.order, Order):
            yield order.row, request.order, request.user_id
