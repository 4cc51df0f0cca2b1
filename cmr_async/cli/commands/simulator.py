"""`cmr simulator`: a simulator of the API on this machine, to try everything without an account or money."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import typer

from ...simulator import DEMO_USERS, Simulator
from ...simulator.__main__ import main

app: typer.Typer = typer.Typer(rich_markup_mode=None)

#: Dollars in the wallet of a simulator that a command starts for itself: more than any file costs.
_AMPLE = Decimal(1_000_000_000)
#: Its key: always the same, because a journal belongs to a key and the next trial run may go on with the journal.
_KEY = "simulator-key"


def embedded(user_ids: Iterable[str]) -> Simulator:
    """Return a simulator for one command, with the demo users and everything that the file says is there."""
    users = tuple(dict.fromkeys([*DEMO_USERS, *user_ids]))
    return Simulator(wallet=_AMPLE, api_key=_KEY, users=users, takes_unknown_ids=True)


# The simulator parses its own options, --help included, so that they are those of `python -m cmr_async.simulator`.
@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def simulator(context: typer.Context) -> None:
    """Run a local simulator of the API."""
    raise typer.Exit(main(context.args, prog="cmr simulator"))
