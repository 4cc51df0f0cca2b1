"""What an order's preflight says in words, and which of its checks are problems."""

from __future__ import annotations

import pytest

from cmr_async import Order, OrderPreflight, WorkspaceCheck, WorkspaceFinding


@pytest.mark.parametrize(
    ("finding", "text"),
    [
        (WorkspaceFinding.NONE, "a.com: no workspace"),
        (WorkspaceFinding.CONFLICT, "a.com: workspace conflict: the API answered 409, 'said'"),
        (WorkspaceFinding.UNCLEAR, "a.com: the answer to the workspace check is not a documented one: 'said'"),
    ],
)
def test_a_check_says_what_is_known(finding: WorkspaceFinding, text: str) -> None:
    assert str(WorkspaceCheck(domain="a.com", finding=finding, message="said")) == text


def test_everything_but_the_documented_answer_is_a_problem() -> None:
    checks = tuple(WorkspaceCheck(domain=finding, finding=finding) for finding in WorkspaceFinding)
    found = OrderPreflight(order=Order(), user_id="U1", workspaces=checks)
    assert [check.domain for check in found.problems] == ["conflict", "unclear"]
    assert OrderPreflight(order=Order(), user_id="U1", workspaces=checks[:1]).problems == ()
