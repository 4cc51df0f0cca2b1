"""No reader of what strangers wrote raises anything foreign, takes long or fills the memory: made-up inputs.

The suite tries a few inputs each, always the same ones. `nox -s fuzz` tries 100,000 and as many webhooks, others each
time, and holds bounds on the time and the memory of each.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz.readers import TARGETS, Target, make_journal
from tests.fuzz.webhooks import WEBHOOKS

#: Examples of all readers, and as many of webhooks; a session says how many.
EXAMPLES = int(os.environ.get("CMR_FUZZ_EXAMPLES", "0"))
#: Examples of one target in the suite.
SHORT = 40
#: Seconds of CPU for one example, and MiB by which it may raise the peak of the process's memory.
LONGEST = 2.0
MOST = 100


def peak() -> float:
    """MiB of memory at the process's peak."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    make_journal(folder)
    return folder


@pytest.mark.timeout(3600 if EXAMPLES else 150)
@pytest.mark.parametrize("name", [*TARGETS, *WEBHOOKS])
def test_a_reader_ends_in_a_result_or_in_an_error_of_ours(name: str, folder: Path) -> None:
    target = {**TARGETS, **WEBHOOKS}[name]
    slowest, most, tried = 0.0, 0.0, 0

    @settings(
        max_examples=EXAMPLES * target.share // 100 or SHORT,
        derandomize=not EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(target.given)
    def try_one(value: Any) -> None:
        nonlocal slowest, most, tried
        before, start = peak(), time.process_time()
        target.read(value, folder)
        took, more = time.process_time() - start, peak() - before
        slowest, most, tried = max(slowest, took), max(most, more), tried + 1

    try_one()
    if EXAMPLES:
        figures = f"{tried:,} examples, the slowest {slowest * 1000:.0f} ms, the largest {most:.0f} MiB"
        sys.stdout.write(f"\n{name}: {figures}\n")
        sys.stdout.flush()
        assert slowest < LONGEST
        assert most < MOST


def test_every_example_is_for_some_target() -> None:
    for targets in (TARGETS, WEBHOOKS):
        assert sum(target.share for target in targets.values()) == 100
        assert all(isinstance(target, Target) for target in targets.values())
