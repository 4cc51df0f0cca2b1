"""`cmr orders submit`: create the orders of a file, after checking all of it."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ...client import AsyncClient
from ...core.endpoints import resolve
from ...core.printable import printable
from ...errors import ConfigurationError, JournalError
from ...journal.states import StepState
from ...models.requests import Verdict
from ...preflight.plan import Plan
from ...report.rows import ResultWriter
from ..api import api_client, require_key
from ..exit_codes import EXIT_CODES, ExitCode, exit_code, plain_errors
from ..journal_choice import PIPE_JOURNAL, choose_journal, find_journal, journals_of_neighbours, other_journal
from ..ordering.order_check import check_orders
from ..ordering.order_input import OrderInput, open_order_input
from ..ordering.order_options import (
    AllowDuplicates,
    Check,
    DomainsPerOrder,
    Encoding,
    File,
    Format,
    IgnoreColumns,
    JournalOption,
    MaxOrderSize,
    MaxRows,
    MaxSize,
    NoJournal,
    ProcessPath,
    RetryRejected,
    Sheet,
    SkipInvalid,
    UserId,
)
from ..ordering.run import Connect, Submission
from ..ordering.spending import Concurrency, MaxOrders, MaxSpend, Output, Prices, Yes, ask, read_budget
from ..output.display import show_results
from ..output.report_page import RunPage, shows_journal
from ..output.summary import show_summary
from ..streams import complain, note

app: typer.Typer = typer.Typer(rich_markup_mode=None)

_SUBMIT = """\b
Examples:
  cmr orders submit orders.csv --simulator --confirm
  cmr orders submit orders.csv
  cmr orders submit orders.csv --confirm --max-spend 500 --report run.html"""

_KEY_NOTE = (
    "The API key is read from the environment variable CMR_API_KEY, or from where a profile says: on a command line it "
    "would end up in the shell's history and in every list of processes."
)
_NO_JOURNAL = (
    "note: --no-journal: nothing is written down. If the run is cut short, nobody can tell from here which orders were "
    "placed, and sending the file again buys them again."
)
_PATH_NEEDED = (
    'note: to pay for the drafts, the path of the API\'s "Process the Order" is needed, which is not documented: '
    "--process-path or CMR_PROCESS_PATH."
)
_DRAFTS_FROM_PIPE = (
    "note: drafts from a pipe are not written down, so the same command makes them a second time. To have them "
    f"written down, and to pay for them later: --journal {PIPE_JOURNAL}."
)
#: Orders of a file that are looked for in the journals of other files.
_LOOKED_AT = 500
#: States, and verdicts, of orders that bought nothing.
_NOT_BOUGHT = frozenset({StepState.REJECTED.value, Verdict.ABSENT.value})


@app.command(epilog=f"{_SUBMIT}\n\n{_KEY_NOTE}\n\n{EXIT_CODES}")
def submit(  # noqa: PLR0917 - typer calls it by name
    file: File,
    user_id: UserId = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Spend money: pay for the orders at once. Without it they are drafts.")
    ] = False,
    yes: Yes = False,
    check: Check = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the file and show the plan; send nothing.")] = False,
    simulator: Annotated[
        bool, typer.Option("--simulator", help="Send to a simulator inside this command: no key, no money.")
    ] = False,
    concurrency: Concurrency = 8,
    output: Output = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write a page about the run to this .html file when it ends.")
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace the --output and --report files if they exist. A page about the run's own journal is made "
            "anew without it.",
        ),
    ] = False,
    journal: JournalOption = None,
    no_journal: NoJournal = False,
    retry_rejected: RetryRejected = False,
    process_path: ProcessPath = None,
    max_orders: MaxOrders = None,
    max_spend: MaxSpend = None,
    skip_invalid: SkipInvalid = False,
    domains_per_order: DomainsPerOrder = 1,
    format: Format = None,  # noqa: A002 - the option's name
    encoding: Encoding = None,
    sheet: Sheet = None,
    ignore_columns: IgnoreColumns = None,
    allow_duplicates: AllowDuplicates = False,
    max_size: MaxSize = None,
    max_rows: MaxRows = None,
    max_order_size: MaxOrderSize = None,
    prices: Prices = None,
) -> None:
    """Create the orders of FILE, after checking all of it.

    Without --confirm the orders are drafts, whatever the file says: they cost nothing. If there is a fault
    anywhere in the file, nothing is sent at all, unless you say --skip-invalid.

    An order and its draft are one: with --confirm, orders that the journal knows as drafts are paid by processing the
    drafts, for which --process-path is needed.
    """
    with plain_errors(), ExitStack() as stack:
        if not simulator and (check or not dry_run):
            require_key(" or try --simulator.")
        if process_path:
            resolve({"orders.process": process_path})
        limits = read_budget(max_orders, max_spend, prices)
        pays = confirm and not simulator
        location = _journal_of(file, journal, without=no_journal, pays=pays, looks_only=dry_run, named_only=simulator)
        page = None
        if report:  # the same command makes the page of its journal anew
            again = location is not None and shows_journal(report, location)
            page = RunPage(report, source=file, prices=limits.prices, overwrite=overwrite or again)
        orders = open_order_input(
            file,
            user_id=user_id,
            limits=limits,
            confirm=confirm,
            domains_per_order=domains_per_order,
            skip_invalid=skip_invalid,
            journal=location,
            retry_rejected=retry_rejected,
            format=format,
            encoding=encoding,
            sheet=sheet,
            ignore_columns=ignore_columns,
            allow_duplicates=allow_duplicates,
            max_size=max_size,
            max_rows=max_rows,
            max_order_size=max_order_size,
        )
        stack.enter_context(orders)
        plan = orders.plan(keep_users=simulator, result=dry_run)
        if plan.drafts and not process_path and not dry_run:
            raise ConfigurationError(_drafts_without_path(plan, orders.journal))
        endpoints = {"orders.process": process_path} if process_path else None
        connect = partial(_simulator, plan, endpoints) if simulator else partial(api_client, endpoints=endpoints)
        if check:
            check_orders(orders, plan, connect)
        if dry_run:
            if plan.drafts and not process_path:
                note(_PATH_NEEDED)
            note("Dry run: nothing was sent.")
            return
        if pays and plan.to_send and journal is None:
            _expect_unknown_to_neighbours(orders, file, location)
        _before_sending(orders, plan, file, location, pays=pays, without=simulator or no_journal, yes=yes)
        if location is not None and journal is None:
            note(f"Written down in {orders.journal}: the same command goes on there (--no-journal: without).")
        writer = stack.enter_context(ResultWriter(output, overwrite=overwrite)) if output else None
        code = _send(
            orders,
            plan,
            connect=connect,
            simulator=simulator,
            concurrency=concurrency,
            writer=writer,
            output=output,
            journal=location,
            page=page,
            retry_rejected=retry_rejected,
        )
        raise typer.Exit(code)


def _journal_of(
    file: str, named: str | None, *, without: bool, pays: bool, looks_only: bool, named_only: bool
) -> str | None:
    """Return where a run is recorded. A simulator's run is recorded only where the user says so."""
    if looks_only or named_only:
        return find_journal(file, named=named, without=without or (named_only and named is None))
    return choose_journal(file, named=named, without=without, pays=pays)


def _before_sending(
    orders: OrderInput, plan: Plan, file: str, location: str | None, *, pays: bool, without: bool, yes: bool
) -> None:
    """Say what should be known before anything is sent, and ask before money is spent.

    Args:
        orders: The file.
        plan: What was shown.
        file: The file as it was named.
        location: Where the run is recorded, if anywhere.
        pays: The run spends money.
        without: No journal is wanted.
        yes: Do not ask.
    """
    if location is None and not pays and not without:
        complain(_DRAFTS_FROM_PIPE)
    if not (pays and plan.to_send):
        return
    if location is None:
        complain(_NO_JOURNAL)
    _warn_of_other_journal(orders, file, location)
    if not yes:
        ask(plan, can_answer=file != "-")


def _warn_of_other_journal(orders: OrderInput, file: str, location: str | None) -> None:
    """Say before money is spent what the journal beside the file knows, when the run does not use it."""
    other = other_journal(file, location)
    if other is None:
        return
    try:
        known = orders.known_to(str(other))
    except JournalError as error:
        complain(f"warning: the journal beside the file is not used and cannot be read: {printable(error.message)}")
        return
    if known:
        again = "they are ordered again" if location is None else "what its own journal does not know is ordered again"
        complain(
            f"warning: {printable(str(other))} knows {_counts(known)}, and this run does not use it: {again}. "
            "Leave out --no-journal and --journal to go on there."
        )


def _expect_unknown_to_neighbours(orders: OrderInput, file: str, location: str | None) -> None:
    """Refuse to begin a new journal for orders that the journal of another file in the folder may have bought.

    Raises:
        ConfigurationError: Such a journal knows some of them.
    """
    for journal in journals_of_neighbours(file, location):
        try:
            known = orders.known_to(str(journal), most=_LOOKED_AT)
        except JournalError:
            continue  # it may be anything: nobody named it
        if bought := {state: count for state, count in known.items() if state not in _NOT_BOUGHT}:
            raise ConfigurationError(
                f"{journal} knows {_counts(bought)}, and this run would begin a journal of its own and order them "
                "again. Nothing was sent. If the file was renamed, or saved in another format, go on with its journal: "
                f"--journal {shlex.quote(str(journal))}. To order them a second time, name the new journal: --journal "
                f"{shlex.quote(str(location))}."
            )


def _counts(known: Mapping[str, int]) -> str:
    return " and ".join(f"{count:,} of these orders as {state}" for state, count in known.items())


def _drafts_without_path(plan: Plan, journal: str | None) -> str:
    """Return why drafts are neither paid nor ordered a second time, and what can be done."""
    named = printable(", ".join(plan.draft_names)) + (", ..." if plan.drafts > len(plan.draft_names) else "")
    place = shlex.quote(journal or "")
    exist = "1 order of the file exists as a draft"
    if plan.drafts > 1:
        exist = f"{plan.drafts:,} orders of the file exist as drafts"
    return (
        f"{exist} in the journal {journal}: {named}. Paid orders "
        "of the same things would be second ones. Nothing was sent. To pay for the drafts, the path of the API's "
        '"Process the Order" is needed, which is not documented: when you know it, say --process-path /the/path or set '
        f"CMR_PROCESS_PATH, here or with `cmr orders process {place} --path /the/path`. The API documents no other way "
        "to pay for a draft. For a second, separate order name another journal with --journal."
    )


@asynccontextmanager
async def _simulator(plan: Plan, endpoints: Mapping[str, str] | None) -> AsyncIterator[AsyncClient]:
    """Open a client of a simulator that knows the users of the plan."""
    from .simulator import embedded  # noqa: PLC0415 - the server of aiohttp is needed here only

    async with (
        embedded(plan.user_ids) as place,
        AsyncClient(api_key=place.api_key, base_url=place.base_url, endpoints=endpoints) as client,
    ):
        yield client


def _send(
    orders: OrderInput,
    plan: Plan,
    *,
    connect: Connect,
    simulator: bool,
    concurrency: int,
    writer: ResultWriter | None,
    output: Path | None,
    journal: str | None,
    page: RunPage | None,
    retry_rejected: bool,
) -> ExitCode:
    submission = Submission(
        orders,
        plan,
        concurrency=concurrency,
        writer=writer,
        connect=connect,
        journal=journal,
        retry_rejected=retry_rejected,
        watch=page.add if page is not None and journal is None else None,
        unrecorded=journal is None and not simulator,
    )
    try:
        report = submission.run()
    finally:
        written = page is not None and page.write(journal=journal)
    if submission.has_table:
        show_results(report.rows)
    code = exit_code(report, planned=plan.orders + plan.invalid)
    show_summary(
        report,
        plan,
        source=orders.source.name,
        confirm=orders.confirm,
        simulator=simulator,
        output=output,
        page=page.path if page is not None and written else None,
        journal=orders.journal,
        code=code,
    )
    return code
