"""What the client and the command cost to start next to what they stand on, each in a fresh interpreter, in turn.

python benchmarks/import_time.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from statistics import median

#: Each group is compared with its first contender.
CONTENDERS = {
    "library": {
        "import aiohttp, cattrs, orjson": ["-c", "import aiohttp, cattrs, orjson"],
        "from cmr_async import AsyncClient": ["-c", "from cmr_async import AsyncClient"],
    },
    "command": {
        "import typer": ["-c", "import typer"],
        "cmr --version": ["-m", "cmr_async", "--version"],
        "cmr --help": ["-m", "cmr_async", "--help"],
        "cmr orders --help": ["-m", "cmr_async", "orders", "--help"],
    },
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    # An installed package has its bytecode; without it the first contender's would be compared with our sources
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for group, contenders in CONTENDERS.items():
        seconds: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(options.rounds):
            for name, arguments in contenders.items():
                before = os.times()
                subprocess.run([sys.executable, *arguments], env=env, stdout=subprocess.DEVNULL, check=True)
                after = os.times()
                used = after.children_user - before.children_user + after.children_system - before.children_system
                seconds[name].append(used)
        first = median(next(iter(seconds.values())))
        for name, each in seconds.items():
            print(f"{group}  {name:34} {median(each) * 1000:6.1f} ms of CPU  {median(each) / first:5.2f}")


if __name__ == "__main__":
    main()
