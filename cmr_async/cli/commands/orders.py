"""`cmr orders`: submit a file of orders, plan it without sending, print a template."""

from __future__ import annotations

import os
import sys
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..exit_codes import EXIT_CODES, ExitCode, exit_code, plain_errors

if TYPE_CHECKING:
    from ...client import AsyncClient
    from ...preflight.plan import Plan
    from ...report.rows import ResultWriter
    from ..order_input import Intake
    from ..report_page import RunPage

__all__ = ["MaxOrders", "MaxSpend", "Prices", "app", "ask"]

app: typer.Typer = typer.Typer(help="Create orders from files.", no_args_is_help=True, rich_markup_mode=None)

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
DomainsPerOrder = Annotated[
    int,
    typer.Option(
        "--domains-per-order", min=1, help="Domains of one user that rows without reference share an order for."
    ),
]
Prices = Annotated[
    Path | None, typer.Option("--prices", help="JSON file with your prices: mailbox, warmup, domain, endings.")
]
MaxOrders = Annotated[
    int | None, typer.Option("--max-orders", min=1, help="Stop before starting more orders than this.")
]
MaxSpend = Annotated[
    str | None,
    typer.Option("--max-spend", metavar="DOLLARS", help="Stop before the orders cost more than this, by estimate."),
]
JournalOption = Annotated[
    str | None,
    typer.Option(
        "--journal",
        help="Write everything down in this file (SQLite) or database (postgresql://...), so that the same command "
        "goes on where it was killed and nothing is placed twice. Paid orders have FILE.journal.db by default.",
    ),
]
PlanJournal = Annotated[
    str | None,
    typer.Option(
        "--journal",
        help="Look up in this journal which orders were dealt with before; by default in FILE.journal.db if there is "
        "one. It is not changed.",
    ),
]
NoJournal = Annotated[bool, typer.Option("--no-journal", help="Go without a journal.")]
SkipInvalid = Annotated[
    bool, typer.Option("--skip-invalid", help="Leave out orders with faults instead of sending nothing.")
]


@app.command(epilog=f"{_KEY_NOTE}\n\n{EXIT_CODES}")
def submit(  # noqa: PLR0917 - typer calls it by name
    file: File,
    user_id: UserId = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Spend money: orders are paid and processed at once. Else: drafts.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before spending money.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the file and show the plan; send nothing.")] = False,
    simulator: Annotated[
        bool, typer.Option("--simulator", help="Send to a simulator inside this command: no key, no money.")
    ] = False,
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, max=256, help="Orders under way at once.")] = 8,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write a result per order to this .csv or .jsonl file.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write a page about the run to this .html file when it ends.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the --output and --report files if they exist.")
    ] = False,
    journal: JournalOption = None,
    no_journal: NoJournal = False,
    max_orders: MaxOrders = None,
    max_spend: MaxSpend = None,
    skip_invalid: SkipInvalid = False,
    domains_per_order: DomainsPerOrder = 1,
    format: Format = None,  # noqa: A002 - the option's name
    prices: Prices = None,
) -> None:
    """Create the orders of FILE, after checking all of it.

    Without --confirm the orders are drafts, whatever the file says: they cost nothing. With one fault
    anywhere in the file nothing is sent at all, unless --skip-invalid.
    """
    from ..display import complain, say  # noqa: PLC0415 - fast help
    from ..journal_choice import choose_journal  # noqa: PLC0415
    from ..order_input import open_intake  # noqa: PLC0415

    if not (dry_run or simulator) and not os.environ.get("CMR_API_KEY"):
        complain("cmr: no API key: set CMR_API_KEY (Partner Dashboard, Settings, Integrations) or try --simulator.")
        raise typer.Exit(ExitCode.USAGE)
    with plain_errors(), ExitStack() as stack:
        page = _page(report, source=file, overwrite=overwrite) if report else None
        pays = confirm and not simulator
        location = choose_journal(file, named=journal, without=no_journal, pays=pays)
        intake = open_intake(
            file,
            format=format,
            user_id=user_id,
            prices=prices,
            confirm=confirm,
            domains_per_order=domains_per_order,
            skip_invalid=skip_invalid,
            max_orders=max_orders,
            max_spend=max_spend,
            journal=location,
        )
        stack.enter_context(intake)
        plan = intake.plan(keep_users=simulator)
        if dry_run:
            say("Dry run: nothing was sent.")
            return
        if pays and location is None and not no_journal:
            _without_journal()
        if pays and plan.to_send and not yes:
            ask(plan, can_answer=file != "-")
        if location is not None and journal is None:
            say(f"Written down in {intake.journal}: the same command goes on there (--no-journal: without).")
        writer = stack.enter_context(_writer(output, overwrite=overwrite)) if output else None
        code = _send(
            intake,
            plan,
            simulator=simulator,
            concurrency=concurrency,
            writer=writer,
            output=output,
            journal=location,
            page=page,
        )
        raise typer.Exit(code)


@app.command(epilog=EXIT_CODES)
def plan(  # noqa: PLR0917 - typer calls it by name
    file: File,
    user_id: UserId = None,
    journal: PlanJournal = None,
    no_journal: NoJournal = False,
    max_orders: MaxOrders = None,
    max_spend: MaxSpend = None,
    skip_invalid: SkipInvalid = False,
    domains_per_order: DomainsPerOrder = 1,
    format: Format = None,  # noqa: A002 - the option's name
    prices: Prices = None,
) -> None:
    """Check FILE and show what it would order and cost; send nothing."""
    from ..journal_choice import find_journal  # noqa: PLC0415
    from ..order_input import open_intake  # noqa: PLC0415 - fast help

    with plain_errors():
        intake = open_intake(
            file,
            format=format,
            user_id=user_id,
            prices=prices,
            domains_per_order=domains_per_order,
            skip_invalid=skip_invalid,
            max_orders=max_orders,
            max_spend=max_spend,
            journal=find_journal(file, named=journal, without=no_journal),
            kind_matters=False,
        )
        with intake:
            intake.plan()


@app.command()
def template(
    format: Annotated[str, typer.Option("--format", help="csv, jsonl or json.")] = "csv",  # noqa: A002
) -> None:
    """Print a small order file to start from."""
    from ...orderfiles.template import template_text  # noqa: PLC0415 - fast help

    try:
        sys.stdout.write(template_text(format))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--format") from None


def ask(plan: Plan, *, can_answer: bool, noun: str = "order", asked_by: str = "--confirm") -> None:
    """Ask before money is spent; whoever cannot answer must have said --yes."""
    from ..display import complain, counted, say  # noqa: PLC0415 - fast help

    what = ", ".join(
        (
            counted(plan.to_send, noun),
            counted(plan.domains, "domain"),
            counted(plan.mailboxes, "mailbox", "mailboxes"),
        )
    )
    if not (can_answer and sys.stdin.isatty()):
        complain(f"cmr: {asked_by} spends money on {what}, and nobody can be asked here: add --yes. Nothing sent.")
        raise typer.Exit(ExitCode.USAGE)
    if plan.affordable < plan.to_send:
        what += f", at most the first {counted(plan.affordable, noun)}"
    if not typer.confirm(f"Spend money on {what}, about ${plan.affordable_cost:,.2f}?"):
        say("Nothing was sent.")
        raise typer.Exit(ExitCode.USAGE)


def _without_journal() -> None:
    """Say what a paid run without a journal lacks, before it is too late to have one."""
    from ..display import complain  # noqa: PLC0415 - fast help

    complain(
        "note: without a journal a run that is cut short cannot go on safely. To have one: "
        'pip install "cmr-async[journal]"; to go without: --no-journal.'
    )


def _page(report: Path, *, source: str, overwrite: bool) -> RunPage:
    from ..report_page import RunPage  # noqa: PLC0415 - fast help

    return RunPage(report, source=source, overwrite=overwrite)


def _writer(output: Path, *, overwrite: bool) -> ResultWriter:
    from ...report.rows import ResultWriter  # noqa: PLC0415 - fast help

    return ResultWriter(output, overwrite=overwrite)


def _send(
    intake: Intake,
    plan: Plan,
    *,
    simulator: bool,
    concurrency: int,
    writer: ResultWriter | None,
    output: Path | None,
    journal: str | None,
    page: RunPage | None,
) -> ExitCode:
    from ..display import show_results  # noqa: PLC0415 - fast help
    from ..submission import Submission  # noqa: PLC0415
    from ..summary import farewell  # noqa: PLC0415

    async def connect(opened: AsyncExitStack) -> AsyncClient:
        from ...client import AsyncClient  # noqa: PLC0415

        if not simulator:
            return await opened.enter_async_context(AsyncClient())
        from .simulator import embedded  # noqa: PLC0415

        place = await opened.enter_async_context(embedded(plan.user_ids))
        return await opened.enter_async_context(AsyncClient(api_key=place.api_key, base_url=place.base_url))

    submission = Submission(
        intake,
        plan,
        concurrency=concurrency,
        writer=writer,
        connect=connect,
        journal=journal,
        watch=page.add if page is not None and journal is None else None,
    )
    try:
        report = submission.run()
    finally:
        written = page is not None and page.write(journal=journal)
    if submission.has_table:
        show_results(report.rows)
    farewell(
        report,
        plan,
        source=intake.source.name,
        confirm=intake.confirm,
        simulator=simulator,
        output=output,
        page=page.path if page is not None and written else None,
        journal=intake.journal,
    )
    return exit_code(
        report.summary,
        planned=plan.orders + plan.invalid,
        left_alone=report.left_alone,
        interrupted=report.interrupted,
    )
