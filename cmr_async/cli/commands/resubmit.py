"""`cmr orders resubmit`: plan again what certainly bought nothing, so that the next run sends it."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import attrs
import typer

from ...bulk.evidence import is_draft
from ...bulk.reconcile import resubmit_all
from ...core.printable import printable
from ...errors import ConfigurationError, JournalError
from ...journal.journal import Journal
from ...journal.states import Step, StepState
from ...models.requests import Verdict
from ..exit_codes import ExitCode, plain_errors
from ..journal_reading import Location
from ..streams import complain, counted, emit, note, program, say, voice

app: typer.Typer = typer.Typer(rich_markup_mode=None)

_EXAMPLES = """\b
Examples:
  cmr orders resubmit orders.csv.journal.db
  cmr orders resubmit orders.csv.journal.db --all-absent
  cmr orders resubmit orders.csv.journal.db --reference acme-7"""

#: Ending of the journal that a run has by default, beside its file.
_BESIDE = ".journal.db"
#: Options for all orders of a kind, and that kind.
_KINDS: Mapping[str, Literal["absent", "rejected", "drafts"]] = {
    "--all-absent": "absent",
    "--all-rejected": "rejected",
    "--all-drafts": "drafts",
}
#: Planned orders of which it is looked up whether they were to be paid.
_LOOKED_AT = 50


@app.command(epilog=_EXAMPLES)
def resubmit(  # noqa: PLR0917 - typer calls it by name
    journal: Location,
    reference: Annotated[
        list[str] | None,
        typer.Option("--reference", help="Key of an order that was rejected, or has the verdict absent; repeatable."),
    ] = None,
    all_absent: Annotated[bool, typer.Option("--all-absent", help="Every order with the verdict absent.")] = False,
    all_rejected: Annotated[bool, typer.Option("--all-rejected", help="Every order that was rejected.")] = False,
    all_drafts: Annotated[
        bool, typer.Option("--all-drafts", help="Every draft in doubt: a second draft costs nothing.")
    ] = False,
    second_draft: Annotated[
        bool, typer.Option("--second-draft", help="With --reference: a draft in doubt is planned again as well.")
    ] = False,
    step: Annotated[
        Step, typer.Option("--step", help="create: the order or draft; process: the processing of a draft.")
    ] = Step.CREATE,
    reason: Annotated[str | None, typer.Option("--reason", help="Why, in words, for the history.")] = None,
) -> None:
    """Plan orders again that certainly bought nothing.

    This sends nothing itself: the next run on JOURNAL does.
    """
    with plain_errors():
        given = (bool(reference), all_absent, all_rejected, all_drafts)
        named = [option for option, is_given in zip(("--reference", *_KINDS), given, strict=True) if is_given]
        if len(named) > 1:
            raise ConfigurationError(f"{' and '.join(named)} name different orders: give one.")
        if second_draft and not reference:
            raise ConfigurationError("--second-draft goes with --reference; --all-drafts plans all drafts in doubt.")
        command = _Resubmission(
            references=tuple(dict.fromkeys(reference or ())),
            kind=_KINDS[named[0]] if named and not reference else None,
            step=step,
            reason=reason or f"asked for with {' '.join(named)}",
            second_draft=second_draft,
            file=_file_of(journal),
        )
        refused = asyncio.run(command.run(journal))
    if refused:
        raise typer.Exit(ExitCode.USAGE)


@attrs.frozen(kw_only=True)
class _Resubmission:
    """One call of the command."""

    #: Keys of the orders that were named.
    references: tuple[str, ...]
    #: Or a kind of orders; `None` without a kind.
    kind: Literal["absent", "rejected", "drafts"] | None
    step: Step
    reason: str
    second_draft: bool
    #: The file of the orders, if the name of the journal tells; else empty.
    file: str

    async def run(self, location: str) -> int:
        """Plan orders again and say how to go on; return how many of the named ones may not be planned."""
        async with Journal(location, create=False) as journal:
            if self.kind is not None:
                planned = await resubmit_all(journal, self.kind, step=self.step, reason=self.reason)
            elif self.references:
                planned = [key for key in self.references if await self._plan(journal, key)]
            else:
                raise ConfigurationError(await _choices(journal))
            for key in planned:
                if voice.json:
                    emit("resubmitted", {"step": self.step.value, "key": key})
                else:
                    say(printable(key))
            if planned or self.kind:
                note(f"{counted(len(planned), 'order')} planned again; nothing was sent.")
            if planned:
                note(f"To send {_it(planned)}: {await self._next_command(journal, planned)}")
            return len(self.references) - len(planned) if self.references else 0

    async def _plan(self, journal: Journal, key: str) -> bool:
        try:
            await journal.resubmit(key, step=self.step, second_draft=self.second_draft, reason=self.reason)
        except JournalError as error:
            complain(f"cmr: {printable(error.message)}")
            return False
        return True

    async def _next_command(self, journal: Journal, planned: list[str]) -> str:
        if self.step is Step.PROCESS:
            return f"{program()} orders process {_typed(journal.name)}"
        entries = [await journal.get(key) for key in planned[:_LOOKED_AT]]
        confirm = " --confirm" if any(entry is not None and entry.confirm for entry in entries) else ""
        if self.file:
            return f"{program()} orders submit {_typed(self.file)}{confirm}"
        command = f"{program()} orders submit FILE{confirm} --journal {_typed(journal.name)}"
        return f"{command}\nFILE is the file that has {_it(planned)}."


async def _choices(journal: Journal) -> str:
    """Say which orders may be planned again, how many there are of each kind, and by which command."""
    lines = []
    for step in Step:
        option = "" if step is Step.CREATE else f" --step {step.value}"
        absent = drafts = in_doubt = 0
        async for entry in journal.entries(state=StepState.UNKNOWN, step=step):
            absent += entry.verdict is Verdict.ABSENT
            drafts += entry.verdict is None and is_draft(entry)
            in_doubt += entry.verdict is None and not is_draft(entry)
        rejected = (await journal.counts(step=step))[StepState.REJECTED]
        for count, what, kind in (
            (absent, "absent", "--all-absent"),
            (rejected, "rejected", "--all-rejected"),
            (drafts, "drafts in doubt", "--all-drafts"),
        ):
            if count:
                lines.append(f"  {count:,} {what}: {program()} orders resubmit {_typed(journal.name)} {kind}{option}")
        if in_doubt:
            lines.append(
                f"  {in_doubt:,} in doubt, to be looked up first: {program()} orders reconcile {_typed(journal.name)}"
            )
    if not lines:
        return f"The journal {printable(journal.name)} has no order that may be planned again."
    head = (
        f"Say which orders of {printable(journal.name)} are to be planned again, by --reference KEY or all of a kind:"
    )
    return "\n".join([head, *lines])


def _file_of(location: str) -> str:
    """Return the file of orders that a journal is beside by default; empty when its name does not tell."""
    file = location.removesuffix(_BESIDE)
    return file if file != location and Path(file).is_file() else ""


def _typed(name: str) -> str:
    """Return a name as it has to be typed."""
    return printable(shlex.quote(name))


def _it(planned: list[str]) -> str:
    return "it" if len(planned) == 1 else "them"
