"""The header of a table: which column is where, and what is said of columns that no order has."""

from __future__ import annotations

import csv
import io
import re
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from operator import itemgetter

import attrs

from ..located import InputFault, suggestion
from .cells import MAILBOX, SETTINGS

#: The columns of an order and its domain.
NAMES = ("user_id", "reference", "domain", "years", "forward_to")
#: The columns of a table of orders, in the order in which a template shows them.
COLUMNS = (*NAMES, *MAILBOX, *SETTINGS)
#: The columns by their letters alone: `firstname` and `userid` are known as well.
_SPELLINGS = {name.replace("_", ""): name for name in COLUMNS}
#: Where a name of the API, such as `firstName`, has its words.
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
#: Columns that no order has, of which a message tells the names.
_COLUMNS_TOLD = 20
#: Characters of a name in a message.
_SHOWN = 100


@attrs.frozen(kw_only=True)
class TableHeader:
    """Where each column of a table is."""

    #: Name of the file, for messages.
    source: str
    #: Number of its row.
    row: int = 1
    #: How many cells a row has.
    width: int
    #: Column name to position.
    positions: dict[str, int]
    #: What deserves a look.
    cautions: tuple[InputFault, ...] = ()

    def pick(self, columns: Sequence[str]) -> Callable[[list[str]], tuple[str, ...]]:
        """Return a getter of columns from a row with an empty cell behind its last, which absent columns read."""
        first, second, *more = (self.positions.get(name, self.width) for name in columns)
        return itemgetter(first, second, *more)


def column_name(cell: str) -> str:
    """Return a column's name as this package writes it: `first_name` for `firstName`, `First Name` and `first-name`."""
    name = re.sub(r"[\s_-]+", "_", _WORD.sub("_", cell.strip())).lower()
    return _SPELLINGS.get(name.replace("_", ""), name)


def split_columns(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the names of columns in texts such as `notes,"phone, private"`.

    Args:
        texts: Names with commas between them; one that holds a comma stands in quotation marks.
    """
    return tuple(name.strip() for row in csv.reader(texts, skipinitialspace=True) for name in row if name.strip())


def read_header(
    source: str, cells: Sequence[str], *, user_id: str | None, row: int = 1, ignored: Collection[str] = ()
) -> TableHeader | tuple[InputFault, ...]:
    """Check a header row.

    Args:
        source: Name of the file, for messages.
        cells: The cells of the first row.
        user_id: The user of rows that name none; with it the column `user_id` may be absent.
        row: Number of the row.
        ignored: Names of columns that are not read, in any spelling; the number of one without a name.

    Returns:
        The header, or every fault of it.
    """
    names = [column_name(cell) for cell in cells]
    while names and not names[-1]:
        # Spreadsheets often save empty columns at the right.
        names.pop()
    if not set(names) & set(COLUMNS):
        message = f"no column has a known name; the first row names the columns: {', '.join(COLUMNS[:7])}, ..."
        return (InputFault(source=source, row=row, message=message),)
    wanted = {column_name(name): name for name in ignored}
    left_out = {name or str(at + 1) for at, name in enumerate(names)} & wanted.keys()
    positions: dict[str, int] = {}
    faults, strange = [], []
    suggested = [known for known in COLUMNS if known not in {*names, "domain_id"}]  # nobody means it by "domains"
    for position, name in enumerate(names):
        if (name or str(position + 1)) in left_out:
            continue
        if name in positions:
            faults.append(InputFault(source=source, row=row, column=name, message="this column occurs twice"))
        elif name in COLUMNS:
            positions[name] = position
        elif name and (hint := suggestion(name, suggested)):
            shown = cells[position].strip()[:_SHOWN]
            message = f'column "{shown}" is not known{hint}'
            faults.append(InputFault(source=source, row=row, column=shown, message=message))
        else:
            strange.append((position, cells[position].strip()))
    faults += _strange_columns(source, row, strange)
    faults += _missing_columns(source, row, positions, user_id)
    if faults:
        return tuple(faults)
    cautions = tuple(_about_ignored(source, row, left_out, wanted))
    return TableHeader(source=source, row=row, width=len(names), positions=positions, cautions=cautions)


def _missing_columns(source: str, row: int, present: Collection[str], user_id: str | None) -> Iterator[InputFault]:
    if "domain" not in present:
        yield InputFault(source=source, row=row, column="domain", message="this column is missing")
    if "user_id" not in present and not user_id:
        message = "this column is missing; add it, or name the user of all rows with --user-id"
        yield InputFault(source=source, row=row, column="user_id", message=message)


def _strange_columns(source: str, row: int, strange: Sequence[tuple[int, str]]) -> Iterator[InputFault]:
    """Yield one fault for all columns that no order has, with the option that leaves them out."""
    if not strange:
        return
    told = strange[:_COLUMNS_TOLD]
    labels = [f'"{name[:_SHOWN]}"' if name else f"{position + 1}, which has no name" for position, name in told]
    more = f" and {len(strange) - len(told):,} more" if len(strange) > len(told) else ""
    what = f"columns {', '.join(labels)}{more} are" if len(strange) > 1 else f"column {labels[0]} is"
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([name or str(position + 1) for position, name in told])
    option = f"--ignore-columns {shlex.quote(line.getvalue())}"
    column = strange[0][1][:_SHOWN] if len(strange) == 1 else ""
    yield InputFault(source=source, row=row, column=column, message=f"{what} not known; to leave out: {option}")


def _about_ignored(source: str, row: int, left_out: Collection[str], wanted: dict[str, str]) -> Iterator[InputFault]:
    """Yield cautions about columns that are ignored although orders have them, and about those that do not exist."""
    for name, given in wanted.items():
        if name not in left_out:
            message = f'--ignore-columns names "{given}", which is no column of this table'
            yield InputFault(source=source, row=row, message=message)
        elif name in COLUMNS:
            message = f'"{name}" is a column of orders, and --ignore-columns leaves it out'
            yield InputFault(source=source, row=row, column=name, message=message)
