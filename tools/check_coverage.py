"""Hold the bounds of test coverage: reads the report of `coverage json` and names the files that fall short."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def shortfalls(report: Mapping[str, Any], *, package: float, file: float) -> list[str]:
    """Return a line for everything below its bound: the files, the least covered first, then the package.

    Args:
        report: What `coverage json` wrote. Its percentages count lines and branches when branches were measured.
        package: Least coverage of all files together, in percent.
        file: Least coverage of each file, in percent.
    """
    covered = {name: float(entry["summary"]["percent_covered"]) for name, entry in report["files"].items()}
    low = sorted((percent, name) for name, percent in covered.items() if percent < file)
    found = [f"{percent:6.2f} %  {name}, at least {file:g} % wanted" for percent, name in low]
    total = float(report["totals"]["percent_covered"])
    if total < package:
        found.append(f"{total:6.2f} %  the whole package, at least {package:g} % wanted")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Check a report and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path, help="the file that `coverage json` wrote")
    parser.add_argument("--package", type=float, default=95.0, help="least coverage of all files together, in percent")
    parser.add_argument("--file", type=float, default=90.0, help="least coverage of each file, in percent")
    options = parser.parse_args(arguments)
    report = json.loads(options.report.read_text(encoding="utf-8"))
    if not report["files"]:
        print("The report names no files: nothing was measured.")
        return 1
    found = shortfalls(report, package=options.package, file=options.file)
    total = float(report["totals"]["percent_covered"])
    print(*found, f"{total:6.2f} %  of {len(report['files'])} files together", sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
