"""One exchange as values: phases in their order, and reprs without bodies."""

from __future__ import annotations

from cmr_async.core.endpoints import ENDPOINTS
from cmr_async.core.exchange import Exchange, Phase, Request


def test_phases_are_ordered_by_how_far_an_attempt_got() -> None:
    assert sorted(Phase) == [Phase.NOT_SENT, Phase.HEAD_SENT, Phase.STATUS_SEEN, Phase.COMPLETE]


def test_a_request_and_an_exchange_show_neither_bodies_nor_headers() -> None:
    request = Request(endpoint=ENDPOINTS["orders.create"], subject=lambda: "The order", body=b"an-oauth-route")
    exchange = Exchange(phase=Phase.COMPLETE, status=200, headers={"set-cookie": "a-cookie"}, body=b"an-answer")
    shown = repr(request) + repr(exchange)
    assert "status=200" in shown
    assert not any(secret in shown for secret in ("an-oauth-route", "a-cookie", "an-answer"))
