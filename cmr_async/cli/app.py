"""The command tree of `cmr`: its groups and commands, and the module that each command is in.

A command's module imports everything that the command needs, some of it slow or an extra. So it is imported when the
command is called; the help of a group is made from the table below.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from .._version import __version__

__all__ = ["COMMANDS", "LazyGroup", "app"]


#: Group to its commands; each with the module that it is in, and the line that the group's help has for it.
COMMANDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "cmr": {
        "simulator": ("simulator", "Run a local simulator of the API: no account, no money."),
    },
    "orders": {
        "submit": ("orders", "Create the orders of FILE, after checking all of it."),
        "plan": ("orders", "Check FILE and show what it would order and cost; send nothing."),
        "template": ("orders", "Print a small order file to start from."),
        "process": ("process", "Process the accepted drafts of JOURNAL, which spends money."),
        "reconcile": ("reconcile", "Find out what became of the unknown orders of JOURNAL."),
        "resubmit": ("resubmit", "Plan orders again that certainly bought nothing."),
    },
    "journal": {
        "show": ("journal", "List the orders of JOURNAL and count them by state."),
        "export": ("journal", "Write every step of JOURNAL to a CSV or JSON Lines file."),
        "report": ("journal", "Write JOURNAL as one HTML page."),
        "adopt": ("journal", "Take over JOURNAL, a copy, a backup, or one of another account."),
    },
}


class LazyGroup(TyperGroup):
    """A group that lists its commands from the table, and imports the module of a command when it is called."""

    def __init__(self, *, name: str, commands: Mapping[str, Any], **settings: Any) -> None:
        self._table = COMMANDS[name]
        listed = {command: TyperCommand(command, help=line) for command, (_, line) in self._table.items()}
        super().__init__(name=name, commands={**commands, **listed}, **settings)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the command that is called, from its module."""
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and name in self._table:
            from .exit_codes import plain_errors  # noqa: PLC0415 - the help of a group needs no errors

            with plain_errors():
                module = import_module(f".commands.{self._table[name][0]}", __package__)
            command = get_group(module.app).commands[name]
        return name, command, rest


# Tracebacks stay plain: a pretty one prints local variables, and one of them may be a key.
app: typer.Typer = typer.Typer(
    name="cmr",
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _group, _line in {
    "orders": "Create orders, pay for drafts, and resolve unknown outcomes.",
    "journal": "Look into the journal of a run.",
}.items():
    app.add_typer(typer.Typer(cls=LazyGroup, no_args_is_help=True), name=_group, help=_line)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cmr-async {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Place orders with the Cold Mail Reseller API, one or many, and never buy twice."""
