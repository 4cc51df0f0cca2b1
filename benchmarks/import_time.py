"""How long `import cmr_async` takes next to its dependencies alone, each in a fresh interpreter, in turn.

python benchmarks/import_time.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from statistics import median

CONTENDERS = {"dependencies": "import aiohttp, cattrs, orjson", "cmr_async": "import cmr_async"}
_TIMED = "from time import perf_counter as t; s = t(); {}; print(t() - s)"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    # An installed package has its bytecode; without it the first contender's would be compared with our sources
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    seconds: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for _ in range(options.rounds):
        for name, statement in CONTENDERS.items():
            command = [sys.executable, "-c", _TIMED.format(statement)]
            seconds[name].append(float(subprocess.check_output(command, env=env)))
    for name, each in seconds.items():
        print(f"{name:12} {median(each) * 1000:6.1f} ms")
    print(f"ratio of the medians: {median(seconds['cmr_async']) / median(seconds['dependencies']):.3f}")


if __name__ == "__main__":
    main()
