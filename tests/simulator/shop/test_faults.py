"""Which fault happens when."""

from __future__ import annotations

import pytest

from cmr_async.simulator import FaultRule, FaultScript


def struck(script: FaultScript, times: int, method: str = "POST", path: str = "/orders/json") -> list[str | None]:
    taken = [script.take(method, path, processed=False) for _ in range(times)]
    return [fault.kind if fault else None for fault in taken]


def test_a_fault_happens_once_unless_told_otherwise() -> None:
    script = FaultScript()
    script.add(FaultRule(kind="reset"))
    assert struck(script, 2) == ["reset", None]


def test_faults_happen_in_the_order_in_which_they_were_added() -> None:
    script = FaultScript()
    script.add(FaultRule(kind="reset", times=2))
    script.add(FaultRule(kind="stall", times=None))
    assert struck(script, 5) == ["reset", "reset", "stall", "stall", "stall"]
    assert script.fired == {"reset": 2, "stall": 3}


def test_a_fault_can_let_some_requests_pass() -> None:
    script = FaultScript()
    script.add(FaultRule(kind="cut", skip=2))
    assert struck(script, 4) == [None, None, "cut", None]


def test_only_a_matching_request_goes_wrong() -> None:
    script = FaultScript()
    script.add(FaultRule(kind="reset", method="GET", path="/users"))
    assert struck(script, 1) + struck(script, 1, "GET") + struck(script, 1, "GET", "/users") == [
        None,
        None,
        "reset",
    ]


def test_a_fault_after_processing_waits_for_the_answer() -> None:
    script = FaultScript()
    script.add(FaultRule(kind="reset", after_processing=True))
    assert script.take("POST", "/orders/json", processed=False) is None
    assert script.take("POST", "/orders/json", processed=True) == FaultRule(kind="reset", after_processing=True)


def test_clearing_forgets_what_waits_and_keeps_the_counts() -> None:
    script = FaultScript()
    script.add(FaultRule(kind="reset", times=None))
    struck(script, 1)
    script.clear()
    assert (struck(script, 1), script.waiting, script.fired) == ([None], (), {"reset": 1})


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="kind"):
        FaultRule(kind="explode")
