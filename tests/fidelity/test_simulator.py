"""The simulator passes what no source forbids, refuses it on request, and its page lists what it chose."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cmr_async.simulator import DEMO_USERS

PAGE = Path(__file__).parents[2] / "docs" / "simulator.md"
USER = DEMO_USERS[0]


@pytest.mark.skipif(not PAGE.exists(), reason="the tests of an installed package come without its pages")
@pytest.mark.parametrize(
    "topic",
    [
        "`confirm` left out", "`serviceProvider` left out", "`autoRenew` left out", "429", "Ids", "Invalid body",
        "`billingCycle`", "`years` below 1", "Wallet too low", "Life of a draft", "Fields that no page names",
        "`POST /domains/has-workspace`", "`POST /orders/create-mailbox-order/json`",
    ],
)  # fmt: skip
def test_the_page_lists_each_choice(topic: str) -> None:
    choices = re.findall(r"^\| (.+?) \| .+ \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert topic in choices
