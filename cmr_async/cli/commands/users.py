"""`cmr users`: look at users."""

from __future__ import annotations

from typing import Annotated

import typer

from ..lookup import look_up

app: typer.Typer = typer.Typer(rich_markup_mode=None)

_EXAMPLES = """\b
Example:
  cmr users get USER-ID"""


@app.command(epilog=_EXAMPLES)
def get(
    user_id: Annotated[
        str,
        typer.Argument(metavar="USER-ID", envvar="CMR_USER_ID", help="Id of the user, as the API returned it."),
    ],
) -> None:
    """Show what the API says of a user.

    The shape of the answer is not documented, so it is shown as it comes.
    """
    look_up("users.get", lambda client: client.users.get(user_id))
