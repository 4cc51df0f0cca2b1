"""`cmr orders process`: pay for the accepted drafts of a journal, by their order ids, each at most once."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import attrs
import typer

from ...errors import ConfigurationError
from ..exit_codes import ExitCode, exit_code, plain_errors
from ..journal_reading import in_pages, opened_journal
from .orders import MaxOrders, MaxSpend, Prices, ask

if TYPE_CHECKING:
    from ...client import AsyncClient
    from ...orderfiles.located import LocatedOrder
    from ...preflight.plan import Plan
    from ...preflight.prices import Budget
    from ...report.rows import ResultWriter
    from ..run import RunReport

__all__ = ["process"]

_NO_PATH = (
    'cmr: the path of the API\'s "Process the Order" is not documented. When you know it, say --path /the/path or set '
    "CMR_PROCESS_PATH. Drafts can be processed in the Partner Dashboard meanwhile. Nothing was sent."
)
_NO_KEY = "cmr: no API key: set CMR_API_KEY (Partner Dashboard, Settings, Integrations). Nothing was sent."


def process(  # noqa: PLR0917 - typer calls it by name
    journal: Annotated[str, typer.Argument(metavar="JOURNAL", help="The journal that the drafts were made with.")],
    path: Annotated[
        str | None,
        typer.Option(
            "--path",
            envvar="CMR_PROCESS_PATH",
            help='Path of "Process the Order" below the base URL, such as /the/path: the API does not document it.',
        ),
    ] = None,
    reference: Annotated[
        list[str] | None, typer.Option("--reference", help="Only this draft, by its key in the journal; repeatable.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before spending money.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be paid; send nothing.")] = False,
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, max=256, help="Drafts under way at once.")] = 8,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write a result per draft to this .csv or .jsonl file.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the --output file if it exists.")] = False,
    max_orders: MaxOrders = None,
    max_spend: MaxSpend = None,
    prices: Prices = None,
) -> None:
    """Process the accepted drafts of JOURNAL: this spends money, once for each draft.

    It is written down in the journal. The same command again goes on: drafts that were processed are skipped,
    unknown ones are shown and left alone.
    """
    from ..display import complain, say  # noqa: PLC0415 - fast help

    with plain_errors(), ExitStack() as stack:
        _check(path, dry_run=dry_run)
        drafts = _look(journal, frozenset(reference or ()), budget=_budget(max_orders, max_spend, prices))
        _show(drafts, limited=max_spend is not None)
        if dry_run:
            say("Dry run: nothing was sent.")
            return
        if not drafts.keys:
            complain(f"cmr: {drafts.name} holds no accepted draft. Nothing was sent.")
            raise typer.Exit(ExitCode.USAGE)
        if drafts.plan.affordable and not yes:
            ask(drafts.plan, can_answer=True, noun="draft", asked_by="processing")
        writer = stack.enter_context(_writer(output, overwrite=overwrite)) if output else None
        raise typer.Exit(_send(drafts, journal, path or "", concurrency=concurrency, writer=writer, output=output))


def _check(path: str | None, *, dry_run: bool) -> None:
    """Refuse what could not be sent anyway, before anything is read."""
    from ...core.endpoints import resolve  # noqa: PLC0415 - fast help
    from ..display import complain  # noqa: PLC0415

    if path:
        resolve({"orders.process": path})
    elif not dry_run:
        complain(_NO_PATH)
        raise typer.Exit(ExitCode.USAGE)
    if not dry_run and not os.environ.get("CMR_API_KEY"):
        complain(_NO_KEY)
        raise typer.Exit(ExitCode.USAGE)


@attrs.define(kw_only=True)
class _Drafts:
    """The accepted drafts of a journal."""

    #: The journal as messages call it.
    name: str = ""
    #: What processing them takes.
    plan: Plan
    #: Key to number, from 1, among the accepted drafts of the journal, in that order.
    keys: dict[str, int] = attrs.field(factory=dict)
    #: State of the processing of those that a run would not send.
    settled: dict[str, str] = attrs.field(factory=dict)

    @property
    def done(self) -> int:
        """How many are processed."""
        return Counter(self.settled.values())["accepted"]

    @property
    def to_give(self) -> dict[str, int]:
        """The drafts that the engine is given: those that fit into the limits, and those that it leaves alone."""
        within = set(islice((key for key in self.keys if key not in self.settled), self.plan.affordable))
        return {
            key: number
            for key, number in self.keys.items()
            if key in within or self.settled.get(key, "accepted") != "accepted"
        }


def _budget(max_orders: int | None, max_spend: str | None, prices: Path | None) -> Budget:
    from ...preflight.prices import DEFAULT_PRICES, Budget, read_prices  # noqa: PLC0415 - fast help
    from ..order_input import dollars  # noqa: PLC0415

    return Budget(
        max_orders=max_orders,
        max_spend=dollars(max_spend),
        prices=read_prices(prices) if prices else DEFAULT_PRICES,
    )


def _look(location: str, references: frozenset[str], *, budget: Budget) -> _Drafts:
    """Read the drafts, check them as the orders of a file are checked, and count what they would take."""
    from ...preflight.plan import Plan, check_orders, count_orders  # noqa: PLC0415 - fast help
    from ..display import complain, printable  # noqa: PLC0415

    drafts = _Drafts(plan=Plan())
    checked = (
        attrs.evolve(found, settled=drafts.settled.get(found.located.key))
        for found in check_orders(_read(location, references, drafts))
    )
    drafts.plan = count_orders(checked, budget=budget, on_fault=lambda fault: complain(printable(str(fault))))
    if missing := sorted(references - drafts.keys.keys()):
        raise ConfigurationError(f"{drafts.name} holds no accepted draft {', '.join(missing)}. Nothing was sent.")
    return drafts


def _read(location: str, references: frozenset[str], drafts: _Drafts) -> Iterator[LocatedOrder]:
    from ...journal.journal import Step, StepState  # noqa: PLC0415 - an extra
    from ...journal.records import CLAIMABLE  # noqa: PLC0415
    from ...orderfiles.located import LocatedOrder  # noqa: PLC0415

    with opened_journal(location) as (runner, journal):
        drafts.name = journal.name
        states = {
            step.key: step.state.value
            for step in in_pages(runner, journal.entries(step=Step.PROCESS))
            if step.state not in CLAIMABLE
        }
        number = 0
        for entry in in_pages(runner, journal.entries(state=StepState.ACCEPTED)):
            if entry.confirm or entry.order_id is None:
                continue
            number += 1
            if references and entry.key not in references:
                continue
            drafts.keys[entry.key] = number
            if entry.key in states:
                drafts.settled[entry.key] = states[entry.key]
            yield LocatedOrder(source=journal.name, row=number, key=entry.key, request=entry.request)


def _show(drafts: _Drafts, *, limited: bool) -> None:
    """Show what was found, and leave when it cannot be sent."""
    from ..display import complain, counted, printable, show_plan  # noqa: PLC0415 - fast help

    if drafts.plan.faults:
        complain(
            f"cmr: {counted(drafts.plan.faults, 'fault')} in {printable(drafts.name)}; nothing was sent. Name the "
            "drafts that are right with --reference."
        )
        raise typer.Exit(ExitCode.USAGE)
    if limited and not drafts.plan.cost_is_complete:
        raise ConfigurationError(
            "--max-spend needs the price of warmup, which is not published: give it with --prices. Nothing was sent."
        )
    show_plan(drafts.plan, file="", confirm=True, journal=printable(drafts.name), noun="draft")


def _writer(output: Path, *, overwrite: bool) -> ResultWriter:
    from ...report.rows import ResultWriter  # noqa: PLC0415 - fast help

    return ResultWriter(output, overwrite=overwrite)


def _send(
    drafts: _Drafts, journal: str, path: str, *, concurrency: int, writer: ResultWriter | None, output: Path | None
) -> ExitCode:
    from ..display import printable, show_results  # noqa: PLC0415 - fast help
    from ..processing import Processing  # noqa: PLC0415
    from ..summary import farewell  # noqa: PLC0415

    async def connect(opened: AsyncExitStack) -> AsyncClient:
        from ...client import AsyncClient  # noqa: PLC0415

        return await opened.enter_async_context(AsyncClient(endpoints={"orders.process": path}))

    plan = drafts.plan
    processing = Processing(
        # Those that are done have no outcome any more
        attrs.evolve(plan, orders=plan.orders - drafts.done, settled={**plan.settled, "accepted": 0}),
        journal=journal,
        rows=drafts.to_give,
        concurrency=concurrency,
        writer=writer,
        connect=connect,
    )
    report = _with_done(processing.run(), drafts)
    if processing.has_table:
        show_results(report.rows)
    farewell(
        report,
        plan,
        source=drafts.name,
        confirm=True,
        simulator=False,
        output=output,
        journal=printable(drafts.name),
        processed=True,
    )
    return exit_code(report.summary, planned=plan.orders, left_alone=report.left_alone, interrupted=report.interrupted)


def _with_done(report: RunReport, drafts: _Drafts) -> RunReport:
    """Count the drafts in that were processed by earlier runs, and say which limit kept others back."""
    report.summary = attrs.evolve(report.summary, skipped=report.summary.skipped + drafts.done)
    if report.stopped is None and drafts.plan.affordable < drafts.plan.to_send:
        report.stopped = "the next draft would pass a limit"
    return report
