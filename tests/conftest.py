"""Fixtures that every part of the tests shares."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest
from aioresponses import aioresponses
from hypothesis import given, settings
from hypothesis import strategies as st

from cmr_async import AsyncClient
from cmr_async.simulator import Simulator
from tests.databases import location, postgresql, postgresql_location

__all__ = ["location", "mocked_api", "postgresql", "postgresql_location"]

# Without bytecode every process that the tests start would compile all that it imports, for half a second and more
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# The key and the settings of whoever runs the tests stay out of them
for setting in [name for name in os.environ if name.startswith("CMR_") and name.isupper()]:
    if not setting.startswith(("CMR_KILL", "CMR_JOURNAL_EXAMPLES", "CMR_FUZZ")):  # settings of the tests themselves
        del os.environ[setting]
# However the tests are started, commands call themselves `cmr`, and find no profiles
os.environ["CMR_PROGRAM"] = "cmr"
os.environ["CMR_CONFIG"] = os.devnull

# Who starts the tests in the background of a shell ignores Ctrl-C, and so would every process that they start
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Tests kill processes and never the machine, so no journal has to reach the disk: a test waits for it more than for
# all else. 4 GiB are ample; a smaller shared memory, as in containers, is left alone.
memory = Path("/dev/shm")
if os.access(memory, os.W_OK | os.X_OK) and shutil.disk_usage(memory).free > 4 * 1024**3:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))

# The same examples in every run, however slow the machine is
settings.register_profile("tests", derandomize=True, deadline=None)
# Other and many more ones, for the session `fuzz`
settings.register_profile("long", max_examples=3_000, deadline=None, database=None)
settings.load_profile("tests")


@given(st.none())
def _draw_nothing(_: None) -> None:
    """Let Hypothesis register its random numbers."""


def pytest_collection_finish() -> None:
    """Keep the collected tests out of every later garbage collection: most of its time went there.

    What the tests themselves make is collected as ever.
    """
    _draw_nothing()  # Hypothesis looks for its own referrers, and does not see frozen ones
    gc.collect()
    gc.freeze()


class MockedResponse(aiohttp.ClientResponse):
    """An answer that aioresponses can make: it does not know the `stream_writer` that aiohttp 3.14 asks for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("stream_writer", SimpleNamespace(output_size=0))
        super().__init__(*args, **kwargs)


@pytest.fixture
def quick_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients take a slot each millisecond, and simulators have no rate limit, where nobody says how many.

    For what is tested against servers on this machine and has nothing to do with pace; the way through the pace is the
    same. Processes that a test starts keep the real one.
    """
    for made, setting, value in ((AsyncClient, "gap", 0.001), (Simulator, "rate_limit", None)):
        defaults = cast("FunctionType", made.__init__).__kwdefaults__
        assert defaults is not None
        monkeypatch.setitem(defaults, setting, value)


@pytest.fixture
def mocked_api(monkeypatch: pytest.MonkeyPatch) -> Iterator[aioresponses]:
    """Answers in place of the network: `mocked_api.post(url, payload=...)`. Servers on this machine stay reachable."""
    # The default of `response_class=`, also for the answers of callbacks
    monkeypatch.setattr("aioresponses.core.ClientResponse", MockedResponse)
    with aioresponses(passthrough=["http://127.0.0.1"]) as mocked:
        yield mocked
