"""One order of a run: whatever its call ends with, the state is never named better than it was proved."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from cmr_async import (
    AuthenticationError,
    ClientStateError,
    CMRError,
    ConfigurationError,
    InvalidResponseError,
    NotSentError,
    OrderState,
    OutcomeUnknownError,
    RateLimitError,
    ServerError,
    TransportError,
    UnprocessableError,
    ValidationError,
)
from cmr_async.bulk.sending import OrderSender, check
from cmr_async.core.exchange import CallCancelled
from cmr_async.pipeline import Pipeline
from tests.wire import LOST, request


class Misbehaving:
    """A pipeline whose call ends with an error that nobody foresaw."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    async def call(self, *_: object, **__: object) -> None:
        raise self.error


def cancelled(learned: CallCancelled) -> asyncio.CancelledError:
    error = asyncio.CancelledError()
    error.__cause__ = learned
    return error


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (CMRError("?"), OrderState.UNKNOWN),
        (InvalidResponseError("?"), OrderState.UNKNOWN),
        (TransportError("?"), OrderState.UNKNOWN),
        (ServerError("?", status=500), OrderState.UNKNOWN),
        (OutcomeUnknownError("?"), OrderState.UNKNOWN),
        (NotSentError("?"), OrderState.NOT_SENT),
        (RateLimitError("?", status=429), OrderState.NOT_SENT),
        (ClientStateError("?"), OrderState.NOT_SENT),
        (ConfigurationError("?"), OrderState.NOT_SENT),
        (AuthenticationError("?", status=401), OrderState.REJECTED),
        (UnprocessableError("?", status=422), OrderState.REJECTED),
        (ValidationError("?"), OrderState.REJECTED),
        (cancelled(CallCancelled()), OrderState.UNKNOWN),
        (cancelled(CallCancelled(LOST)), OrderState.UNKNOWN),
        (asyncio.CancelledError(), OrderState.NOT_SENT),
    ],
    ids=repr,
)
async def test_no_error_names_an_outcome_better_than_it_proves(error: BaseException, state: OrderState) -> None:
    outcome = await OrderSender(pipeline=cast("Pipeline", Misbehaving(error))).send(check(0, request(0)))
    assert outcome.state is state
    assert outcome.error is not None
    assert outcome.order_id is None
