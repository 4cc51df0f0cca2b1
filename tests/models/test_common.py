"""What several API groups share: members of the open enums are plain text, and an envelope keeps what it was given."""

from __future__ import annotations

import attrs
import pytest

from cmr_async.models import BillingCycle, Envelope, OrderCreated, ServiceProvider


def test_a_member_of_an_open_enum_is_the_text_of_the_wire() -> None:
    assert [*BillingCycle, *ServiceProvider] == ["MONTHLY", "GOOGLE", "MICROSOFT"]
    assert f"{ServiceProvider.GOOGLE}" == "GOOGLE"


def test_an_envelope_without_more_than_a_status_says_nothing() -> None:
    envelope = Envelope(status=204)
    assert attrs.asdict(envelope) == {
        "status": 204,
        "message": "",
        "data": None,
        "action_id": None,
        "extra": {},
        "attempts": 1,
    }


def test_an_envelope_cannot_be_changed() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Envelope(status=200).status = 500  # type: ignore[misc]


def test_no_repr_shows_the_passwords_of_an_answer() -> None:
    envelope = Envelope(status=200, message="ok", data={"password": "hunter2"}, extra={"secret": "hunter2"})
    created = OrderCreated(order_id="o", extra={"password": "hunter2"}, envelope=envelope)
    assert "hunter2" not in repr(envelope) + repr(created)
    assert repr(envelope) == "Envelope(status=200, message='ok', action_id=None, attempts=1)"
