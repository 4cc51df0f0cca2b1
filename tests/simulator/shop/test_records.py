"""The records: the name of a body, and what a refusal carries."""

from __future__ import annotations

from cmr_async.simulator import body_hash
from cmr_async.simulator.shop.records import Refusal


def test_the_hash_of_a_body_does_not_depend_on_the_order_of_its_keys() -> None:
    assert body_hash({"a": [1], "b": {"c": True, "d": "é"}}) == body_hash({"b": {"d": "é", "c": True}, "a": [1]})
    assert body_hash({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_a_refusal_is_a_400_unless_it_says_otherwise() -> None:
    refusals = [Refusal("Please provide a userId"), Refusal("Invalid API Key", status=401)]
    assert [(refusal.status, refusal.message, str(refusal)) for refusal in refusals] == [
        (400, "Please provide a userId", "Please provide a userId"),
        (401, "Invalid API Key", "Invalid API Key"),
    ]
