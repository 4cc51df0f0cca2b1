"""Models that were made the quick way are the same as others in everything that can be told of them."""

from __future__ import annotations

import pickle
from typing import Any

import attrs
import pytest

from cmr_async import DomainRegistration, GoogleOAuth, Mailbox, Order, OrderRequest
from cmr_async.orderfiles.builders import builder

BOX = Mailbox(username="ada", first_name="Ada", last_name="Lovelace", on_warmup=True)
ORDER = Order(
    domains=[DomainRegistration(domain="a.com", years=2)],
    mailboxes={"a.com": [BOX]},
    confirm=True,
    google=GoogleOAuth(client_id="id"),
)


@pytest.mark.parametrize(
    "model",
    [BOX, ORDER.domains[0], ORDER, OrderRequest(user_id="U1", order=ORDER)],
    ids=lambda model: type(model).__name__,
)
def test_a_model_that_is_built_is_like_one_that_is_made(model: Any) -> None:
    values = [getattr(model, field.name) for field in attrs.fields(type(model))]
    built = builder(type(model))(*values)
    assert type(built) is type(model)
    assert built == model
    assert repr(built) == repr(model)
    assert pickle.loads(pickle.dumps(built)) == model
    assert attrs.evolve(built) == model
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(built, attrs.fields(type(model))[0].name, None)


def test_every_field_is_to_be_given() -> None:
    with pytest.raises(TypeError, match="on_warmup"):
        builder(Mailbox)("ada", "Ada", "Lovelace", None)


def test_what_is_hashable_stays_so() -> None:
    values = [getattr(BOX, field.name) for field in attrs.fields(Mailbox)]
    assert hash(builder(Mailbox)(*values)) == hash(BOX)
