"""The entry point of `cmr`: runs the command line, or says what to install if its extra is missing."""

from __future__ import annotations

import sys

__all__ = ["run"]


def run() -> None:
    """Run the command line."""
    try:
        from .app import app  # noqa: PLC0415 - the extra may be missing
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich", "click"}:
            raise
        sys.stderr.write('cmr needs its extra: pip install "cmr-async[cli]"\n')
        raise SystemExit(2) from None
    app()
