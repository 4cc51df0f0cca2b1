"""One exchange as values: phases in their order, reprs without bodies, and a cause that survives pickling."""

from __future__ import annotations

import pickle

from cmr_async.core.endpoints import ENDPOINTS
from cmr_async.core.exchange import CallCancelled, Exchange, Phase, Request
from cmr_async.errors import OutcomeUnknownError
from cmr_async.models import Envelope
from tests.fakes import LOST


def test_phases_are_ordered_by_how_far_an_attempt_got() -> None:
    assert sorted(Phase) == [Phase.NOT_SENT, Phase.HEAD_SENT, Phase.STATUS_SEEN, Phase.COMPLETE]


def test_a_request_and_an_exchange_show_neither_bodies_nor_headers() -> None:
    request = Request(endpoint=ENDPOINTS["orders.create"], subject=lambda: "The order", body=b"an-oauth-route")
    exchange = Exchange(phase=Phase.COMPLETE, status=200, headers={"set-cookie": "a-cookie"}, body=b"an-answer")
    shown = repr(request) + repr(exchange)
    assert "status=200" in shown
    assert not any(secret in shown for secret in ("an-oauth-route", "a-cookie", "an-answer"))


def test_what_became_of_a_cancelled_call_survives_pickling() -> None:
    learned = CallCancelled(LOST)
    learned.envelope, learned.error = Envelope(status=200), OutcomeUnknownError("It may have been placed.")
    copied = pickle.loads(pickle.dumps(learned))
    assert (copied.exchange, copied.envelope, str(copied.error)) == (LOST, learned.envelope, str(learned.error))
    assert str(copied) == "cancelled after the request had gone out"
