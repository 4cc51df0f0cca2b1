"""`cmr subscriptions`: look at subscriptions."""

from __future__ import annotations

from typing import Annotated

import typer

from ..lookup import look_up

app: typer.Typer = typer.Typer(rich_markup_mode=None)

_EXAMPLES = """\b
Examples:
  cmr subscriptions list --domain acme-outreach.com
  cmr subscriptions list --status ACTIVE --page 2 --json"""


@app.command("list", epilog=_EXAMPLES)
def list_subscriptions(
    domain: Annotated[str | None, typer.Option("--domain", help="Only those of this domain.")] = None,
    status: Annotated[str | None, typer.Option("--status", help="Only those with this status: ACTIVE, ...")] = None,
    page: Annotated[int | None, typer.Option("--page", min=1, help="Page, from 1.")] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Subscriptions a page; the API's own default is 50.")
    ] = None,
) -> None:
    """List the subscriptions of all users, one page at a time."""
    look_up(
        "subscriptions.list",
        lambda client: client.subscriptions.list(domain=domain, status=status, page=page, limit=limit),
    )
