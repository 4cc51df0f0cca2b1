"""Whatever comes, an order is never called better than it was proved: exchanges made up by hypothesis."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from cmr_async.core.endpoints import ENDPOINTS
from cmr_async.core.exchange import Exchange, Phase, Request
from cmr_async.core.judge import Outcome, judge
from cmr_async.errors import OutcomeUnknownError

ORDER = Request(endpoint=ENDPOINTS["orders.create"], subject=lambda: "The order for example.com", pays=True)
READ = Request(endpoint=ENDPOINTS["orders.status"], subject=lambda: "The status of order 1")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
envelopes = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from([200, 201, 400, 401, 409, 422, 429, 500, "200", True]) | json_values,
        "message": st.text(max_size=5) | json_values,
        "data": st.fixed_dictionaries({"orderId": st.text(max_size=3) | json_values}) | json_values,
        "actionId": st.text(max_size=3),
        "error": st.text(max_size=3),
    },
)
bodies = envelopes.map(orjson.dumps) | json_values.map(orjson.dumps) | st.binary(max_size=30)
statuses = st.none() | st.sampled_from([200, 201, 301, 400, 401, 402, 403, 404, 408, 409, 422, 429, 500, 520, 700])
exchanges = st.builds(
    Exchange,
    phase=st.sampled_from(Phase),
    status=statuses | st.integers(0, 999),
    body=bodies,
    failure=st.none() | st.text(max_size=5),
)


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


@given(exchanges)
def test_an_outcome_is_never_named_better_than_it_was_proved(exchange: Exchange) -> None:
    judgement = judge(ORDER, exchange)
    body, status = _object(exchange.body), exchange.status
    assert (judgement.envelope is None) is (judgement.outcome is not Outcome.ACCEPTED)
    assert (judgement.error is None) is (judgement.outcome is Outcome.ACCEPTED)
    assert (judgement.outcome is Outcome.NOT_SENT) is (exchange.phase is Phase.NOT_SENT)
    if judgement.outcome is Outcome.ACCEPTED:
        assert exchange.phase is Phase.COMPLETE
        assert status is not None
        assert 200 <= status < 300
        assert isinstance(body["data"]["orderId"], str)
        assert body["data"]["orderId"]
    elif judgement.outcome is Outcome.REJECTED:
        assert exchange.phase is Phase.COMPLETE
        assert status in {400, 401, 402, 403, 404, 409, 422}
        if status == 401:
            assert b"{" in exchange.body
        else:
            assert body["status"] == status
            assert isinstance(body["message"], str)
    elif judgement.outcome is Outcome.THROTTLED:
        assert exchange.phase is Phase.COMPLETE
        assert (status, body["status"]) == (429, 429)
        assert isinstance(body["message"], str)
    elif exchange.phase >= Phase.HEAD_SENT:
        assert judgement.outcome is Outcome.UNKNOWN
        assert type(judgement.error) is OutcomeUnknownError


@given(exchanges)
def test_a_read_is_never_an_order_in_doubt(exchange: Exchange) -> None:
    assert not isinstance(judge(READ, exchange).error, OutcomeUnknownError)
