"""Fork hooks: callbacks run in each child, and no destructor runs there on what belongs to the parent."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from cmr_async import forks

SCRIPT = """
import os, sys
from cmr_async.forks import in_forked_child, leave_to_parent

class Inherited:
    def __del__(self):
        print("destructed in the child" if os.getpid() != parent else "destructed in the parent", flush=True)

@in_forked_child
def start_anew():
    global inherited
    print("started anew", flush=True)
    leave_to_parent(inherited)
    inherited = None

parent = os.getpid()
inherited = Inherited()
pid = os.fork()
if not pid:
    sys.exit()
assert os.waitpid(pid, 0)[1] == 0
inherited = None
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_a_child_starts_anew_and_runs_no_destructor_of_its_parents_objects() -> None:
    printed = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60)
    assert (printed.stdout, printed.stderr) == ("started anew\ndestructed in the parent\n", "")


@pytest.fixture
def inherited(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What this process keeps for its parent: nothing yet."""
    inherited: list[object] = []
    monkeypatch.setattr(forks, "_inherited", inherited)
    return inherited


def test_every_callback_runs_in_a_child_in_the_order_of_registration(
    inherited: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(forks, "_callbacks", [])

    @forks.in_forked_child
    def first() -> None:
        seen.append("first")

    @forks.in_forked_child
    def second() -> None:
        seen.append("second")

    forks._after_fork()
    assert seen == ["first", "second"]
    first()
    assert seen == ["first", "second", "first"]


def test_what_belongs_to_the_parent_is_kept(inherited: list[object]) -> None:
    one, other = object(), object()
    forks.leave_to_parent(one, other)
    assert inherited == [one, other]


@pytest.mark.skipif(not hasattr(sys, "getrefcount"), reason="no reference counts in this interpreter")
@pytest.mark.parametrize(("ctypes_is_there", "references"), [(True, 1), (False, 0)])
def test_the_list_of_what_is_kept_gets_a_reference_that_is_never_released(
    inherited: list[object], monkeypatch: pytest.MonkeyPatch, *, ctypes_is_there: bool, references: int
) -> None:
    if not ctypes_is_there:
        monkeypatch.setitem(sys.modules, "ctypes", None)
    before = sys.getrefcount(inherited)
    forks._never_destruct()
    assert sys.getrefcount(inherited) - before == references
