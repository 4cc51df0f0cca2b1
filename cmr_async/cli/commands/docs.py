"""`cmr docs`: the documentation of the version that is installed, without a network."""

from __future__ import annotations

from typing import Annotated

import typer

from ..exit_codes import ExitCode
from ..pages import PAGES, page_text
from ..streams import complain, say

app: typer.Typer = typer.Typer(rich_markup_mode=None)

_EXAMPLES = """\b
Examples:
  cmr docs
  cmr docs money-safety | less"""


@app.command(epilog=_EXAMPLES)
def docs(page: Annotated[str | None, typer.Argument(metavar="PAGE", help="Name of the page.")] = None) -> None:
    """Print a page of the documentation.

    Without PAGE it lists the pages.
    """
    if page is None:
        for name, line in PAGES.items():
            say(f"{name:<14} {line}")
    elif page in PAGES:
        say(page_text(page))
    else:
        complain(f"cmr: there is no page {page!r}; the pages are {', '.join(PAGES)}.")
        raise typer.Exit(ExitCode.USAGE)
