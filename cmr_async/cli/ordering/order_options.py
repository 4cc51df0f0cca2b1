"""The options of commands that read a file of orders: how it is read, and where its run is recorded."""

from __future__ import annotations

from typing import Annotated

import typer

from ...orderfiles.file import InputFormat
from ...orderfiles.limits import FileLimits

_LIMITS = FileLimits()

File = Annotated[str, typer.Argument(metavar="FILE", help="CSV, JSON, JSONL or XLSX, plain or gzipped; - is stdin.")]
UserId = Annotated[
    str | None,
    typer.Option(
        "--user-id", envvar="CMR_USER_ID", help="Id of the user for orders that name none, as the API returned it."
    ),
]
Format = Annotated[InputFormat | None, typer.Option("--format", help="What FILE holds, if its name does not say.")]
DomainsPerOrder = Annotated[
    int,
    typer.Option(
        "--domains-per-order",
        min=1,
        help="How many domains of one user go into one order, for rows without a reference.",
    ),
]
JournalOption = Annotated[
    str | None,
    typer.Option(
        "--journal",
        help="Record the run in this file (SQLite) or database (postgresql://...), so that the same command can go on "
        "after an interruption and nothing is placed twice. By default it is CMR_JOURNAL of the environment, else "
        "FILE.journal.db, beside the file; paid orders from a pipe need one named.",
    ),
]
PlanJournal = Annotated[
    str | None,
    typer.Option(
        "--journal",
        help="Look up in this journal what happened to the orders before; by default CMR_JOURNAL of the environment, "
        "else FILE.journal.db if it exists. It is not changed.",
    ),
]
NoJournal = Annotated[
    bool,
    typer.Option(
        "--no-journal",
        help="Use no journal: nothing is written down, and sending the file again orders everything again.",
    ),
]
Check = Annotated[
    bool,
    typer.Option(
        "--check",
        help="First ask the API about each domain whether a workspace exists, which would make the order fail; send "
        "nothing unless it says no for all of them.",
    ),
]
RetryRejected = Annotated[
    bool,
    typer.Option(
        "--retry-rejected",
        help="Send orders again, as they are, that the API refused in earlier runs. Corrected ones are sent anyway.",
    ),
]
ProcessPath = Annotated[
    str | None,
    typer.Option(
        "--process-path",
        envvar="CMR_PROCESS_PATH",
        help='Path of "Process the Order", as `cmr orders process` takes it: with --confirm, orders that exist as '
        "drafts are paid there instead of being ordered a second time.",
    ),
]
SkipInvalid = Annotated[
    bool, typer.Option("--skip-invalid", help="Leave out orders with faults instead of sending nothing.")
]

Encoding = Annotated[
    str | None,
    typer.Option(
        "--encoding", metavar="NAME", help="How the file's text is written if not as UTF-8: windows-1252, ..."
    ),
]
Sheet = Annotated[
    str | None,
    typer.Option("--sheet", metavar="NAME", help="The sheet of a spreadsheet, by name or number; else the first one."),
]
IgnoreColumns = Annotated[
    list[str] | None,
    typer.Option("--ignore-columns", metavar="NAMES", help="Do not read these columns of a table: notes,phone."),
]
AllowDuplicates = Annotated[
    bool,
    typer.Option("--allow-duplicates", help="Take rows of a table that are the same as an earlier row of their order."),
]
MaxSize = Annotated[
    int | None,
    typer.Option(
        "--max-size",
        metavar="BYTES",
        min=1,
        help=f"Read no file that is longer, or unpacks to more. Default: {_LIMITS.max_size:,}.",
    ),
]
MaxRows = Annotated[
    int | None,
    typer.Option(
        "--max-rows",
        metavar="N",
        min=1,
        help=f"Read no file with more rows, lines, or orders of a JSON list. Default: {_LIMITS.max_rows:,}.",
    ),
]
MaxOrderSize = Annotated[
    int | None,
    typer.Option(
        "--max-order-size",
        metavar="BYTES",
        min=1,
        help=f"Read no single order of JSON that is longer. Default: {_LIMITS.max_order_size:,}.",
    ),
]
