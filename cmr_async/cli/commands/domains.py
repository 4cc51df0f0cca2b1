"""`cmr domains`: look at domains."""

from __future__ import annotations

from typing import Annotated

import typer

from ...models import ServiceProvider
from ..lookup import OwnerId, look_up

app: typer.Typer = typer.Typer(rich_markup_mode=None)

_LIST = """\b
Example:
  cmr domains list --user-id USER-ID"""
_WORKSPACE = """\b
Example:
  cmr domains has-workspace acme-outreach.com --service-provider GOOGLE"""


@app.command("list", epilog=_LIST)
def list_domains(user_id: OwnerId) -> None:
    """List the domains of a user.

    An empty list proves nothing by itself: a wrong id gives one as well. The shape of the answer is not documented, so
    it is shown as it comes.
    """
    look_up("domains.by_user", lambda client: client.domains.by_user(user_id))


@app.command("has-workspace", epilog=_WORKSPACE)
def has_workspace(
    domain: Annotated[str, typer.Argument(metavar="DOMAIN", help="The domain's name.")],
    service_provider: Annotated[
        ServiceProvider | None, typer.Option("--service-provider", help="Who would host the mailboxes.")
    ] = None,
) -> None:
    """Ask whether a workspace exists for a domain, which would make an order fail.

    For a domain without one the API says `Workspace not exists`; what it says otherwise is not documented.
    """
    look_up(
        "domains.has_workspace", lambda client: client.domains.has_workspace(domain, service_provider=service_provider)
    )
