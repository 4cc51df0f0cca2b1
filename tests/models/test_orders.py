"""Orders as values: they can be hashed, compared, pickled and shown, and nobody changes them."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import attrs
import pytest

from cmr_async import DomainRegistration, GoogleOAuth, Mailbox, Order

JANE = Mailbox(username="jane", first_name="Jane", last_name="Doe")
JOHN = Mailbox(username="john", first_name="John", last_name="Doe")
ROUTE = "https://login.example/route?secret=1"


def order(**changes: Any) -> Order:
    plain = Order(
        domains=[DomainRegistration(domain="a.com"), DomainRegistration(domain="b.com")],
        mailboxes={"a.com": [JANE], "b.com": [JOHN]},
    )
    return attrs.evolve(plain, **changes)


def test_equal_orders_have_one_hash_whatever_the_sequence_of_their_mailboxes() -> None:
    other = order(mailboxes={"b.com": [JOHN], "a.com": [JANE]})
    assert other == order()
    assert len({order(), other}) == 1


def test_different_orders_are_different_members_of_a_set() -> None:
    assert len({order(), order(confirm=True), order(mailboxes={"a.com": [JOHN]})}) == 3


def test_the_mailboxes_of_an_order_cannot_be_changed() -> None:
    made = order()
    with pytest.raises(TypeError, match="item assignment"):
        made.mailboxes["c.com"] = ()  # type: ignore[index]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.confirm = True  # type: ignore[misc]


def test_an_order_does_not_follow_the_mapping_it_was_made_from() -> None:
    boxes = {"a.com": [JANE]}
    made = order(mailboxes=boxes)
    boxes["a.com"].append(JOHN)
    assert made.mailboxes == {"a.com": (JANE,)}


def test_an_order_survives_pickle_and_copy() -> None:
    made = order()
    assert pickle.loads(pickle.dumps(made)) == made
    assert copy.deepcopy(made) == made
    assert hash(pickle.loads(pickle.dumps(made))) == hash(made)


def test_no_repr_shows_an_oauth_route() -> None:
    made = order(google=GoogleOAuth(google_oauth_route=ROUTE, app_name="App"), microsoft_oauth_route=ROUTE)
    assert ROUTE not in repr(made)
    assert "app_name='App'" in repr(made)


def test_fields_of_extra_are_part_of_the_value_and_nobody_changes_them() -> None:
    fields = {"coupon": {"codes": ["X", "Y"]}}
    made = order(extra=fields)
    fields["coupon"]["codes"].append("Z")
    assert made == order(extra={"coupon": {"codes": ["X", "Y"]}})
    assert made != order()
    assert len({made, order(extra={"coupon": {"codes": ["X", "Y"]}}), order()}) == 2
    assert pickle.loads(pickle.dumps(made)) == made
    assert attrs.evolve(made, confirm=True).extra == made.extra
    with pytest.raises(TypeError, match="item assignment"):
        made.extra["coupon"]["codes"] = ()


def test_no_repr_shows_what_extra_holds() -> None:
    secret = {"password": "hunter2"}
    box = attrs.evolve(JANE, extra=secret)
    domain = DomainRegistration(domain="a.com", extra=secret)
    assert "hunter2" not in repr(Order(domains=[domain], mailboxes={"a.com": [box]}, extra=secret))


def test_an_order_names_every_domain_once() -> None:
    made = order(mailboxes={"a.com": [JANE], "c.com": [JANE, JOHN]})
    assert made.domain_names == ("a.com", "b.com", "c.com")
    assert made.mailbox_count == 3


def test_an_order_counts_the_mailboxes_that_start_warmup() -> None:
    warm, cold = attrs.evolve(JANE, on_warmup=True), attrs.evolve(JOHN, on_warmup=False)
    assert order(mailboxes={"a.com": [warm, cold], "b.com": [warm]}).warmup_count == 2
    assert order().warmup_count == 0
