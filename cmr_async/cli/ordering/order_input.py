"""The file of orders that a command is given: opened as the options say, checked, and shown as a plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Self

import attrs
import typer

from ...core.printable import printable
from ...journal.states import StepState
from ...orderfiles.file import InputFormat, OrderFile
from ...orderfiles.limits import FileLimits
from ...orderfiles.table.header import split_columns
from ...preflight.checked_file import CheckedFile
from ...preflight.file_check import FileOrder, check_file
from ...preflight.plan import Plan
from ...preflight.prices import Budget
from ..exit_codes import ExitCode
from ..output.display import Cautions, Faults, show_plan
from ..streams import complain, counted

if TYPE_CHECKING:
    from ...preflight.journal_check import JournalCheck


@attrs.frozen(kw_only=True)
class OrderInput(CheckedFile):
    """The file of a command; a context manager that closes it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.source.close()
        if self.known is not None:
            self.known.close()

    @property
    def journal(self) -> str | None:
        """Name of the run's journal, without a password."""
        return None if self.known is None else printable(self.known.name)

    def known_to(self, journal: str, *, most: int | None = None) -> Mapping[str, int]:
        """Return how many of the orders another journal has settled, by the state that it has them in.

        Args:
            journal: The other journal.
            most: Look at so many orders, the first ones; `None`: at all of them.

        Raises:
            JournalError: The journal cannot be read.
        """
        with _known(journal) as known:
            found = islice(known.compare(check_file(self.orders())), most)
            return Counter(filter(None, map(self._standing, found)))

    def _standing(self, found: FileOrder) -> str | None:
        """Return how another journal has an order; `None`: it does not."""
        # An order for other domains under the same key: two files may number their orders alike
        is_other = found.changed and any(fault.column.endswith(("domain", '"]')) for fault in found.faults)
        if found.faults and not is_other and not self.skip_invalid:  # the file has none of its own
            return "ordered with other content"
        return found.settled or (StepState.ACCEPTED.value if found.draft else None)

    def plan(self, *, keep_users: bool = False, result: bool = True) -> Plan:
        """Check the file and show everything that was found; exit when the file cannot be sent.

        Args:
            keep_users: The plan knows the ids of all users.
            result: The plan is what the command was called for; else it is a note.
        """
        faults, cautions = Faults(), Cautions()
        plan = self.count(keep_users=keep_users, on_fault=faults.add, on_caution=cautions.add)
        for caution in self.source.cautions:
            cautions.add(caution)
        faults.show_rest()
        cautions.show()
        refusal = self.refusal(plan)
        if refusal:
            complain(f"cmr: {printable(refusal)}; nothing was sent.")
            if plan.changed:
                complain(self._about_changed(plan))
            complain("More: `cmr docs order-files`")
            raise typer.Exit(ExitCode.USAGE)
        is_new = self.known is not None and self.known.is_new
        show_plan(plan, file=self.source.name, confirm=self.confirm, journal=self.journal, is_new=is_new, result=result)
        return plan

    def _about_changed(self, plan: Plan) -> str:
        return (
            f"{counted(plan.changed, 'order')} changed since the journal {self.journal} was written. Put back what was "
            "there, or leave such orders out with --skip-invalid. A new reference makes a changed order a new purchase."
        )


def open_order_input(
    file: str,
    *,
    user_id: str | None,
    limits: Budget,
    domains_per_order: int,
    skip_invalid: bool,
    journal: str | None,
    confirm: bool = False,
    retry_rejected: bool = False,
    format: InputFormat | None,  # noqa: A002 - the option's name
    encoding: str | None,
    sheet: str | None,
    ignore_columns: Sequence[str] | None,
    allow_duplicates: bool,
    **file_limits: int | None,
) -> OrderInput:
    """Open a file as the options say.

    With a journal its orders are looked up there; with `retry_rejected` those that were refused are sent again.
    `ignore_columns` are texts with names between commas, `file_limits` those of `FileLimits` that were given.

    Raises:
        CMRError: The file cannot be read.
    """
    return OrderInput(
        user_id=user_id,
        confirm=confirm,
        domains_per_order=domains_per_order,
        skip_invalid=skip_invalid,
        limits=limits,
        known=None if journal is None else _known(journal, retry_rejected=retry_rejected),
        source=OrderFile(
            file,
            format=format,
            limits=FileLimits(**{name: value for name, value in file_limits.items() if value is not None}),
            encoding=encoding,
            sheet=sheet,
            ignore_columns=split_columns(ignore_columns or ()),
            allow_duplicates=allow_duplicates,
        ),
    )


def _known(journal: str, *, retry_rejected: bool = False) -> JournalCheck:
    from ...preflight.journal_check import JournalCheck  # noqa: PLC0415 - needs the extra `journal`

    return JournalCheck(journal, retry_rejected=retry_rejected)
