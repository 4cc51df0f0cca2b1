"""`cmr orders status`: what the API says of one order now."""

from __future__ import annotations

from typing import Annotated

import typer

from ..lookup import OwnerId, look_up

app: typer.Typer = typer.Typer(rich_markup_mode=None)

_EXAMPLES = """\b
Examples:
  cmr orders status ORDER-ID --user-id USER-ID
  cmr orders status ORDER-ID --user-id USER-ID --json | jq .data"""


@app.command(epilog=_EXAMPLES)
def status(
    order_id: Annotated[str, typer.Argument(metavar="ORDER-ID", help="The order's id, as the API returned it.")],
    user_id: OwnerId,
) -> None:
    """Show what the API says of an order now.

    The shape of the answer is not documented, so it is shown as it comes.
    """
    look_up("orders.status", lambda client: client.orders.status(order_id, user_id=user_id))
