"""The command tree of `cmr`: its groups and commands, and the module that each command is in.

A command's module imports everything that the command needs, some of it slow or an extra. So it is imported when the
command is called; the help of a group is made from the table below.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from traceback import walk_tb
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from .._version import __version__
from .common_options import common_options
from .streams import flush_output, lose_output, output_is_lost, voice

#: Group to its commands; each with the module that it is in, and the line that the group's help has for it.
COMMANDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "cmr": {
        "doctor": ("doctor", "Check that everything is set up; spend nothing."),
        "simulator": ("simulator", "Run a local simulator of the API."),
        "docs": ("docs", "Print a page of the documentation."),
    },
    "orders": {
        "submit": ("orders", "Create the orders of FILE, after checking all of it."),
        "plan": ("plan", "Check FILE and show what it would order and cost; send nothing."),
        "template": ("plan", "Print a small order file to start from."),
        "status": ("status", "Show what the API says of an order now."),
        "watch": ("watch", "Wait for the domains and mailboxes of the paid orders of JOURNAL."),
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
    "users": {
        "get": ("users", "Show what the API says of a user."),
    },
    "domains": {
        "list": ("domains", "List the domains of a user."),
        "has-workspace": ("domains", "Ask whether a workspace exists for a domain, which would make an order fail."),
    },
    "subscriptions": {
        "list": ("subscriptions", "List the subscriptions of all users, one page at a time."),
    },
    "webhooks": {
        "listen": ("webhooks", "Receive webhooks on this machine and show them, until Ctrl-C."),
        "replay": ("webhooks", "Send the deliveries of FILE again, one after another."),
        "trigger": ("webhooks", "Send a sample of EVENT, signed with the key."),
    },
}
_GROUPS = {
    "orders": "Create orders, look at them, pay for them.",
    "journal": "Look into the journal of a run.",
    "users": "Look at users.",
    "domains": "Look at domains.",
    "subscriptions": "Look at subscriptions.",
    "webhooks": "Receive the API's webhooks here, and send some to a receiver of yours.",
}
#: Commands that print no data.
_WITHOUT_JSON = frozenset({"simulator", "docs", "template", "export", "report", "adopt"})
#: Columns that help takes at most.
_WIDEST = 120
_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": _WIDEST}
_EXAMPLES = """\b
A first order, without an account and without money:
  cmr orders template > orders.csv
  cmr orders submit orders.csv --simulator --confirm

`cmr help COMMAND` is the same as `cmr COMMAND --help`; `cmr docs` has the documentation."""


class LazyGroup(TyperGroup):
    """A group that lists its commands from the table, and imports the module of a command when it is called."""

    def __init__(self, *, name: str, commands: Mapping[str, Any], **settings: Any) -> None:
        self._table = COMMANDS[name]
        listed = {command: TyperCommand(command, help=line) for command, (_, line) in self._table.items()}
        super().__init__(name=name, commands={**commands, **listed}, **settings)
        if name == "cmr":
            self.params.extend(common_options(json=True))

    def main(self, *args: Any, **settings: Any) -> Any:
        """Run the command; one whose results could not be printed does not end with 0."""
        try:
            return super().main(*args, **settings)
        except OSError as error:
            if not _is_of_printing(error):
                raise
            lose_output(error)
        except SystemExit as ended:
            flush_output()
            if ended.code or not output_is_lost():
                raise
        from .exit_codes import ExitCode  # noqa: PLC0415 - the help of a group needs no errors

        raise SystemExit(ExitCode.UNKNOWN if voice.only_printed else ExitCode.REJECTED)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments of the group; those of `cmr` begin a command, which may be `help`."""
        if self.name == "cmr":
            voice.reset()
            if args and args[0] == "help":
                args = [*args[1:], "--help"]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the command that is called, from its module."""
        name, command, rest = super().resolve_command(ctx, args)
        if voice.json and name in _WITHOUT_JSON:
            raise typer.BadParameter(f"`{ctx.command_path} {name}` prints no data", ctx, param_hint="--json")
        if name is not None and name in self._table:
            from .exit_codes import plain_errors  # noqa: PLC0415 - the help of a group needs no errors

            with plain_errors():
                module = import_module(f".commands.{self._table[name][0]}", __package__)
            command = get_group(module.app).commands[name]
            if not command.context_settings.get("ignore_unknown_options"):  # it parses all of its options itself
                command.params = [*command.params, *common_options(json=name not in _WITHOUT_JSON)]
            command.context_settings = {**_SETTINGS, **command.context_settings}
        return name, command, rest


# Tracebacks stay plain: a pretty one prints local variables, and one of them may be a key.
app: typer.Typer = typer.Typer(
    name="cmr",
    cls=LazyGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=_SETTINGS,
    epilog=_EXAMPLES,
)
for _group, _line in _GROUPS.items():
    app.add_typer(
        typer.Typer(cls=LazyGroup, no_args_is_help=True, context_settings=_SETTINGS, rich_markup_mode=None),
        name=_group,
        help=_line,
    )


def _is_of_printing(error: OSError) -> bool:
    """Return whether an error was raised where help or a table is printed, which is done without `say`."""
    *_, (frame, _) = walk_tb(error.__traceback__)
    return frame.f_globals.get("__name__", "").partition(".")[0] in {"typer", "click", "rich"}


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cmr-async {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Place orders with the Cold Mail Reseller API, one or many, and never buy twice."""
