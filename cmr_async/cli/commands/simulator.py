"""`cmr simulator`: the API's double on this machine, to try everything without account and money."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ...simulator import Simulator

__all__ = ["OWN_OPTIONS", "embedded", "simulator"]

#: Dollars in the wallet of a simulator that a command starts for itself: more than any file takes.
_AMPLE = Decimal(1_000_000_000)

#: The simulator parses its options itself, so that they are the same as with `python -m cmr_async.simulator`.
OWN_OPTIONS: dict[str, bool | list[str]] = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}


def embedded(user_ids: Iterable[str]) -> Simulator:
    """A simulator for one command: it knows the demo's users and those of the file."""
    from ...simulator import DEMO_USERS, Simulator  # noqa: PLC0415 - only when it is used

    return Simulator(wallet=_AMPLE, users=tuple(dict.fromkeys([*DEMO_USERS, *user_ids])))


def simulator(context: typer.Context) -> None:
    """Run a local double of the API until Ctrl-C: no account, no money. Options: cmr simulator --help."""
    from ...simulator.__main__ import main  # noqa: PLC0415 - only when it is used

    raise typer.Exit(main(context.args, prog="cmr simulator"))
