"""`cmr orders plan` and `template`: check a file without sending anything, and a file to start from."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ...orderfiles.template import TemplateFormat
from ...orderfiles.template import template as make_template
from ..exit_codes import EXIT_CODES, plain_errors
from ..journal_choice import find_journal
from ..ordering.order_input import open_order_input
from ..ordering.order_options import (
    AllowDuplicates,
    Check,
    DomainsPerOrder,
    Encoding,
    File,
    Format,
    IgnoreColumns,
    MaxOrderSize,
    MaxRows,
    MaxSize,
    NoJournal,
    PlanJournal,
    Sheet,
    SkipInvalid,
    UserId,
)
from ..ordering.spending import MaxOrders, MaxSpend, Prices, read_budget
from ..streams import print_output

app: typer.Typer = typer.Typer(rich_markup_mode=None)

_PLAN = """\b
Examples:
  cmr orders plan orders.csv
  cmr orders plan orders.csv --check --user-id USER-ID"""

_TEMPLATE = """\b
Examples:
  cmr orders template > orders.csv
  cmr orders template --mailboxes > more-mailboxes.csv
  cmr orders template --format xlsx > orders.xlsx"""


@app.command(epilog=f"{_PLAN}\n\n{EXIT_CODES}")
def plan(  # noqa: PLR0917 - typer calls it by name
    file: File,
    user_id: UserId = None,
    journal: PlanJournal = None,
    no_journal: NoJournal = False,
    check: Check = False,
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
    """Check FILE and show what it would order and cost; send nothing."""
    with plain_errors():
        if check:
            from ..api import require_key  # noqa: PLC0415 - the client is slow to import, and few plans need it

            require_key(": --check asks the API.")
        orders = open_order_input(
            file,
            user_id=user_id,
            limits=read_budget(max_orders, max_spend, prices),
            domains_per_order=domains_per_order,
            skip_invalid=skip_invalid,
            journal=find_journal(file, named=journal, without=no_journal),
            format=format,
            encoding=encoding,
            sheet=sheet,
            ignore_columns=ignore_columns,
            allow_duplicates=allow_duplicates,
            max_size=max_size,
            max_rows=max_rows,
            max_order_size=max_order_size,
        )
        with orders:
            plan = orders.plan()
            if check:
                from ..ordering.order_check import check_orders  # noqa: PLC0415 - as above

                check_orders(orders, plan)


@app.command(epilog=_TEMPLATE)
def template(
    format: Annotated[  # noqa: A002 - the option's name
        TemplateFormat, typer.Option("--format", help="What the file holds.")
    ] = TemplateFormat.CSV,
    mailboxes: Annotated[
        bool, typer.Option("--mailboxes", help="Show orders of mailboxes for domains that are there already.")
    ] = False,
) -> None:
    """Print a small order file to start from."""
    with plain_errors():
        file = make_template(format, mailboxes=mailboxes)
    if format is TemplateFormat.XLSX and sys.stdout.isatty():
        raise typer.BadParameter(
            "a spreadsheet is no text: write it to a file, with > orders.xlsx", param_hint="--format"
        )
    print_output(file)
