"""One order of a run: whatever its call ends with, the state is never named better than it was proved."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import attrs
import pytest

from cmr_async import (
    AuthenticationError,
    ClientStateError,
    CMRError,
    ConfigurationError,
    InsufficientBalanceError,
    InvalidResponseError,
    JournalError,
    NotSentError,
    OrderOutcome,
    OrderRequest,
    OrderState,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    TransportError,
    UnprocessableError,
    ValidationError,
)
from cmr_async.bulk.sending import Item, OrderGuard, OrderSender, check, unavailable_names
from cmr_async.core.order.checked import check_order
from cmr_async.journal.journal import Journal, Step, StepState
from cmr_async.pipeline import Pipeline
from tests.fakes import FakeTransport, make_order, make_pipeline, make_request


class Misbehaving:
    """A pipeline whose call ends with an error that nobody foresaw."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    async def call(self, *_: object, **__: object) -> None:
        raise self.error


async def send(sender: OrderSender, item: Item) -> OrderOutcome:
    return (await sender.send(item, OrderGuard(item))).outcome


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
        (AuthenticationError("?", status=401), OrderState.NOT_SENT),
        (InsufficientBalanceError("?", status=402), OrderState.NOT_SENT),
        (PermissionDeniedError("?", status=403), OrderState.NOT_SENT),
        (UnprocessableError("?", status=422), OrderState.REJECTED),
        (ValidationError("?"), OrderState.REJECTED),
        (asyncio.CancelledError(), OrderState.NOT_SENT),
    ],
    ids=repr,
)
async def test_no_error_names_an_outcome_better_than_it_proves(error: BaseException, state: OrderState) -> None:
    outcome = await send(OrderSender(pipeline=cast("Pipeline", Misbehaving(error))), check(0, make_request(0)))
    assert outcome.state is state
    assert outcome.error is not None
    assert outcome.order_id is None


@pytest.mark.parametrize("user_id", ["\ud800", "user-\udfff", "", " ", None, 5])
def test_a_user_id_that_no_url_can_carry_is_a_fault(user_id: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        check_order(make_order(), user_id=user_id)
    assert [fault.path for fault in caught.value.faults] == ["user_id"]
    refused = check(0, OrderRequest(user_id=user_id, order=make_order())).refused
    assert isinstance(refused, ValidationError)
    assert refused.faults == caught.value.faults


async def test_an_outcome_that_cannot_be_written_down_is_told_with_its_order_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def full(*_: object, **__: object) -> bool:
        raise JournalError("the disk is full.")

    async with Journal(tmp_path / "run.db") as journal:
        [entry] = await journal.add([make_request(0)])
        monkeypatch.setattr(journal, "record", full)
        sender = OrderSender(pipeline=make_pipeline(FakeTransport()), journal=journal)
        item = attrs.evolve(check(0, make_request(0)), entry=entry)
        ended = await sender.send(item, OrderGuard(item))
    assert (ended.outcome.state, ended.outcome.order_id) == (OrderState.ACCEPTED, "ORD")
    assert "order id ORD" in caplog.text
    assert str(ended.journal_error) == (
        "0 ended as accepted, order id ORD, but this could not be written down: the disk is full. The journal will "
        "show it as unknown."
    )


async def test_a_draft_without_an_order_id_is_not_processed(tmp_path: Path) -> None:
    transport = FakeTransport()
    async with Journal(tmp_path / "run.db") as journal:
        [created] = await journal.add([make_request(0, confirm=False)])
        claim = await journal.claim("0")
        assert claim is not None
        await journal.record(claim, StepState.ACCEPTED, order_id="ORD")
        await journal.add_processing()
        entry = await journal.get("0", step=Step.PROCESS)
        assert entry is not None
        item = attrs.evolve(check(0, created.request), entry=attrs.evolve(entry, order_id=None))
        outcome = await send(OrderSender(pipeline=make_pipeline(transport), journal=journal), item)
    assert (outcome.state, transport.sent) == (OrderState.NOT_SENT, [])
    assert str(outcome.error) == "0 has no order id, so its draft cannot be processed."


def test_unavailable_domains_are_named_in_whatever_shape_they_come() -> None:
    items = ["a.com", {"domain": "b.com"}, {"domainName": "c.com", "reason": 1}, {"other": 1}, 5]
    assert unavailable_names(items) == ("a.com", "b.com", "c.com", '{"other":1}', "5")
