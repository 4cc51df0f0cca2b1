"""The command tree of `cmr`: one file per group hangs its commands in here."""

from __future__ import annotations

from typing import Annotated

import typer

from .._version import __version__
from .commands import journal, orders, process, reconcile, simulator
from .exit_codes import EXIT_CODES

__all__ = ["app"]

# Tracebacks stay plain: a pretty one prints local variables, and one of them may be a key.
app: typer.Typer = typer.Typer(
    name="cmr",
    help="Orders for the Cold Mail Reseller API, one or many, without ever buying twice.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(orders.app, name="orders")
app.add_typer(reconcile.app, name="journal")
reconcile.app.command()(journal.export)
reconcile.app.command()(journal.report)
orders.app.command(epilog=EXIT_CODES)(process.process)
orders.app.command("reconcile")(reconcile.reconcile)
orders.app.command("resubmit")(reconcile.resubmit)
app.command("simulator", context_settings=simulator.OWN_OPTIONS)(simulator.simulator)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cmr-async {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Orders for the Cold Mail Reseller API, one or many, without ever buying twice."""
