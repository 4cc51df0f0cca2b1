"""`cmr orders`: submit a file of orders, plan it without sending, print a template."""

from __future__ import annotations

import os
import sys
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .exits import EXIT_CODES, ExitCode, exit_code, plain_errors

if TYPE_CHECKING:
    from ..bulk.files import OrderFile
    from ..bulk.plan import Plan
    from ..client import AsyncClient

__all__ = ["app"]

app = typer.Typer(help="Create orders from files.", no_args_is_help=True, rich_markup_mode=None)

_KEY_NOTE = (
    "The API key is read from the environment variable CMR_API_KEY only: on a command line it would end up "
    "in the shell's history and in every list of processes."
)

File = Annotated[str, typer.Argument(metavar="FILE", help="CSV, JSON, JSONL or XLSX, plain or gzipped; - is stdin.")]
UserId = Annotated[
    str | None,
    typer.Option("--user-id", help="Owner of the orders that name no user, as the API returned its id."),
]
Format = Annotated[
    str | None, typer.Option("--format", help="csv, json, jsonl or xlsx, when the file's name does not tell.")
]
Prices = Annotated[
    Path | None,
    typer.Option("--prices", help="JSON file with your prices: mailbox, warmup, domain, endings."),
]


@app.command(epilog=f"{_KEY_NOTE}\n\n{EXIT_CODES}")
def submit(  # noqa: PLR0917 - typer calls it by name
    file: File,
    user_id: UserId = None,
    confirm: Annotated[
        bool,
        typer.Option("--confirm", help="Spend money: orders are paid and processed at once. Else: drafts."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before spending money.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the file and show the plan; send nothing.")] = False,
    simulator: Annotated[
        bool, typer.Option("--simulator", help="Send to a simulator inside this command: no key, no money.")
    ] = False,
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, max=256, help="Orders under way at once.")] = 8,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write a result per order to this .csv or .jsonl file."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the --output file if it exists.")] = False,
    format: Format = None,  # noqa: A002 - the option's name
    prices: Prices = None,
) -> None:
    """Create the orders of FILE, after checking all of it.

    Without --confirm the orders are drafts, whatever the file says: they cost nothing. With one fault
    anywhere in the file nothing is sent at all.
    """
    from .display import complain, say  # noqa: PLC0415 - fast help

    if not (dry_run or simulator) and not os.environ.get("CMR_API_KEY"):
        complain("cmr: no API key: set CMR_API_KEY (Partner Dashboard, Settings, Integrations) or try --simulator.")
        raise typer.Exit(ExitCode.USAGE)
    with plain_errors(), ExitStack() as stack:
        source, plan = _checked_plan(stack, file, format, user_id, confirm=confirm, prices=prices, keep_users=simulator)
        if dry_run:
            say("Dry run: nothing was sent.")
            return
        if confirm and not simulator and not yes:
            _ask(plan, file)
        raise typer.Exit(
            _send(
                stack, source, plan, user_id=user_id, confirm=confirm, simulator=simulator,
                concurrency=concurrency, output=output, overwrite=overwrite,
            )
        )  # fmt: skip


@app.command(epilog=EXIT_CODES)
def plan(
    file: File,
    user_id: UserId = None,
    format: Format = None,  # noqa: A002 - the option's name
    prices: Prices = None,
) -> None:
    """Check FILE and show what it would order and cost; send nothing."""
    with plain_errors(), ExitStack() as stack:
        _checked_plan(stack, file, format, user_id, confirm=False, prices=prices)


@app.command()
def template(
    format: Annotated[str, typer.Option("--format", help="csv, jsonl or json.")] = "csv",  # noqa: A002
) -> None:
    """Print a small order file to start from."""
    from ..bulk.template import template_text  # noqa: PLC0415 - fast help

    try:
        sys.stdout.write(template_text(format))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--format") from None


def _checked_plan(
    stack: ExitStack,
    file: str,
    format: str | None,  # noqa: A002 - the option's name
    user_id: str | None,
    *,
    confirm: bool,
    prices: Path | None,
    keep_users: bool = False,
) -> tuple[OrderFile, Plan]:
    """Open and check the file, show everything that was found, and leave when it cannot be sent."""
    from ..bulk.files import InputFormat, OrderFile  # noqa: PLC0415 - fast help
    from ..bulk.plan import make_plan  # noqa: PLC0415
    from ..bulk.prices import DEFAULT_PRICES, read_prices  # noqa: PLC0415
    from .display import Cautions, complain, counted, printable, show_plan  # noqa: PLC0415

    if format is not None and format not in set(InputFormat):
        raise typer.BadParameter(f"{format!r} is none of {', '.join(InputFormat)}", param_hint="--format")
    table = read_prices(prices) if prices else DEFAULT_PRICES
    source = stack.enter_context(OrderFile(file, format=format))
    cautions = Cautions()
    found = make_plan(
        source.orders(user_id=user_id, confirm=confirm),
        prices=table,
        keep_users=keep_users,
        on_fault=lambda fault: complain(printable(str(fault))),
        on_caution=cautions.add,
    )
    cautions.show()
    if found.faults:
        complain(f"cmr: {counted(found.faults, 'fault')} in {printable(source.name)}; nothing was sent.")
        raise typer.Exit(ExitCode.USAGE)
    if not found.orders:
        complain(f"cmr: {printable(source.name)} holds no orders; nothing was sent.")
        raise typer.Exit(ExitCode.USAGE)
    show_plan(found, file=source.name, confirm=confirm)
    return source, found


def _ask(plan: Plan, file: str) -> None:
    """Ask before money is spent; whoever cannot answer must have said --yes."""
    from .display import complain, counted, say  # noqa: PLC0415 - fast help

    what = ", ".join(
        (
            counted(plan.orders, "order"),
            counted(plan.domains, "domain"),
            counted(plan.mailboxes, "mailbox", "mailboxes"),
        )
    )
    if file == "-" or not sys.stdin.isatty():
        complain(f"cmr: --confirm spends money on {what}, and nobody can be asked here: add --yes. Nothing sent.")
        raise typer.Exit(ExitCode.USAGE)
    if not typer.confirm(f"Spend money on {what}, about ${plan.cost:,.2f}?"):
        say("Nothing was sent.")
        raise typer.Exit(ExitCode.USAGE)


def _send(
    stack: ExitStack,
    source: OrderFile,
    plan: Plan,
    *,
    user_id: str | None,
    confirm: bool,
    simulator: bool,
    concurrency: int,
    output: Path | None,
    overwrite: bool,
) -> ExitCode:
    from ..bulk.results import ResultWriter  # noqa: PLC0415 - fast help
    from .display import show_results  # noqa: PLC0415
    from .farewell import farewell  # noqa: PLC0415
    from .submission import Submission  # noqa: PLC0415

    writer = stack.enter_context(ResultWriter(output, overwrite=overwrite)) if output else None

    async def connect(opened: AsyncExitStack) -> AsyncClient:
        from ..client import AsyncClient  # noqa: PLC0415

        if not simulator:
            return await opened.enter_async_context(AsyncClient())
        from .simulator import embedded  # noqa: PLC0415

        place = await opened.enter_async_context(embedded(plan.user_ids))
        return await opened.enter_async_context(AsyncClient(api_key=place.api_key, base_url=place.base_url))

    submission = Submission(
        source,
        plan,
        user_id=user_id,
        confirm=confirm,
        concurrency=concurrency,
        writer=writer,
        connect=connect,
    )
    report = submission.run()
    if submission.has_table:
        show_results(report.rows)
    farewell(report, plan, source=source.name, confirm=confirm, simulator=simulator, output=output)
    return exit_code(report.summary, planned=plan.orders, interrupted=report.interrupted)
