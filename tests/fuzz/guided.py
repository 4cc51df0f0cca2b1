"""Fuzz the targets guided by coverage, where atheris is installed: `python -m tests.fuzz.guided RUNS SEED`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings

#: Seconds and MiB of one example, and bytes that one is made from.
_LIMITS = (
    "-timeout=2",
    "-rss_limit_mb=1024",
    "-max_len=4096",
    "-len_control=0",
    "-verbosity=0",
    "-print_final_stats=1",
)


def fuzz(runs: str, seed: str, name: str, folder: str) -> None:
    """Try a target until an example fails; ends the process."""
    atheris = import_module("atheris")
    with atheris.instrument_imports(include=["cmr_async"]):
        from tests.fuzz.readers import TARGETS, make_journal
        from tests.fuzz.webhooks import WEBHOOKS
    target = {**TARGETS, **WEBHOOKS}[name]
    make_journal(Path(folder))

    @settings(database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(target.given)
    def try_one(value: Any) -> None:
        target.read(value, Path(folder))

    inner = try_one.hypothesis.fuzz_one_input  # type: ignore[attr-defined]
    atheris.Setup([sys.argv[0], f"-runs={runs}", f"-seed={seed}", *_LIMITS], inner)
    atheris.Fuzz()


def fuzz_all(runs: str, seed: str) -> None:
    """Try every target in a process of its own, because the fuzzer ends its process."""
    from tests.fuzz.readers import TARGETS
    from tests.fuzz.webhooks import WEBHOOKS

    if find_spec("atheris") is None:
        sys.stdout.write("atheris is not installed here: nothing is guided by coverage\n")
        return
    for name in (*TARGETS, *WEBHOOKS):
        sys.stdout.write(f"\n{name}, guided by coverage\n")
        sys.stdout.flush()
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            subprocess.run([sys.executable, "-m", "tests.fuzz.guided", runs, seed, name, folder], check=True)


if __name__ == "__main__":
    if len(sys.argv) == 5:
        fuzz(*sys.argv[1:])
    else:
        fuzz_all(*sys.argv[1:])
