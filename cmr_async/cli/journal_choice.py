"""Which journal a run uses: the one that was named, or the one beside the file of orders.

Without a journal, a run that was killed cannot go on without the risk of buying something twice, and nobody can tell
drafts that were made before from orders that are new.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import ConfigurationError

#: Names the journal, so that the password in a URL stays out of the command line, which others can see.
JOURNAL_VARIABLE = "CMR_JOURNAL"
#: The name that messages propose for orders from a pipe, which has no folder and no name of its own.
PIPE_JOURNAL = "cmr-orders.journal.db"
#: How the name of a journal beside its file ends.
_BESIDE = ".journal.db"
#: Journals of other files of a folder that are looked into, those first that were written last.
_NEIGHBOURS = 20


def journal_beside(file: str) -> Path | None:
    """Return where the journal of a file is by default; `None`: there is no file to put one beside.

    It is `orders.csv.journal.db` for `orders.csv`, beside the real file: a link and its target are one file of orders,
    so they have one journal.
    """
    typed = Path(file)
    if file == "-" or (typed.exists() and not typed.is_file()):
        return None
    real = str(typed.resolve())
    return Path(f"{file if real == os.path.normpath(typed.absolute()) else real}{_BESIDE}")


def choose_journal(file: str, *, named: str | None, without: bool, pays: bool) -> str | None:
    """Return the journal that a run against the API writes; `None`: none.

    Args:
        file: The file of orders; `-` for standard input.
        named: The journal that the user named; `None`: the one that `CMR_JOURNAL` names, if it does.
        without: The user wants none.
        pays: The run spends money, which it must not do without a journal unless the user says so.

    Raises:
        ConfigurationError: The options contradict each other, the journal cannot be made, or orders from a pipe are
            to be paid and nobody said where to record them.
    """
    named = _wanted(named, without=without)
    if named is not None or without:
        return named
    default = journal_beside(file)
    if default is None:
        if pays:
            raise ConfigurationError(
                "orders from a pipe have no file beside which their journal could be, and without one nobody can tell "
                "afterwards what was bought. Nothing was sent. Name a journal, the same one each time: "
                f"--journal {PIPE_JOURNAL}; or go without one: --no-journal."
            )
        return None
    if not default.exists() and default.parent.is_dir() and not os.access(default.parent, os.W_OK):
        raise ConfigurationError(
            f"The journal {default} cannot be made: its folder is read-only. Name another place with --journal. "
            "(--no-journal also works, but a second run of this command would then buy everything again.)"
        )
    return str(default)


def find_journal(file: str, *, named: str | None, without: bool) -> str | None:
    """Return the journal to look into: the one that was named, or the one beside the file if it is there.

    Raises:
        ConfigurationError: The options contradict each other.
    """
    named = _wanted(named, without=without)
    default = journal_beside(file)
    return named if named is not None or without or default is None or not default.exists() else str(default)


def other_journal(file: str, location: str | None) -> Path | None:
    """Return the journal beside the file, if it is there and the run uses another one or none."""
    default = journal_beside(file)
    if default is None or not default.exists():
        return None
    return None if location is not None and Path(location).resolve() == default.resolve() else default


def journals_of_neighbours(file: str, location: str | None) -> list[Path]:
    """Return the journals of other files in the folder, if the run would make a new one beside its own file.

    A file that was renamed, or saved in another format, has its journal under its former name.
    """
    default = journal_beside(file)
    if default is None or location != str(default) or default.exists():
        return []
    found = [(path.stat().st_mtime, path) for path in default.parent.glob(f"*{_BESIDE}") if path.is_file()]
    return [path for _, path in sorted(found, reverse=True)[:_NEIGHBOURS]]


def _wanted(named: str | None, *, without: bool) -> str | None:
    """Return the journal that the command line or the environment names."""
    if named is not None and without:
        raise ConfigurationError("--journal names a journal and --no-journal wants none: say one of them.")
    return named if named is not None or without else os.environ.get(JOURNAL_VARIABLE) or None
