"""Keys, fingerprints and differences of orders; their values stand in journals and never change."""

from __future__ import annotations

import pytest

from cmr_async import DomainRegistration, Mailbox, Order
from cmr_async.core.order.checked import check_request
from cmr_async.errors import ValidationError
from cmr_async.journal.identity import (
    differences,
    fingerprint,
    fingerprint_of,
    is_made_up,
    key_of,
    normal_reference,
    order_key,
)
from cmr_async.models.requests import OrderRequest
from tests.journal.arrange import a_request


def test_the_key_is_the_reference() -> None:
    assert order_key(a_request("A-1")) == "A-1"


def test_without_a_reference_the_key_is_a_hash_of_user_and_order() -> None:
    request = a_request(None)
    key = order_key(request)
    assert key.startswith("sha256:")
    assert len(key) == 7 + 64
    assert order_key(a_request(" ")) == key
    assert order_key(a_request(None, domain="other.com")) != key
    assert order_key(OrderRequest(user_id="U2", order=request.order)) != key


def test_a_draft_and_the_paid_order_of_the_same_things_are_one_purchase() -> None:
    draft, paid = a_request(None), a_request(None, confirm=True)
    assert order_key(draft) == order_key(paid)
    assert fingerprint(draft) != fingerprint(paid)


@pytest.mark.parametrize(
    ("reference", "made_up"),
    [
        ("U1:a.com", True),
        ("U1:A.com", True),
        ("U1:b\u00fccher.de", True),
        ("U1:c.com", False),
        ("U2:a.com", False),
        ("a.com", False),
    ],
)
def test_references_that_older_versions_made_up_are_told_from_those_of_the_caller(
    reference: str, made_up: bool
) -> None:
    assert is_made_up(reference, user_id="U1", domains=("a.com", "xn--bcher-kva.de")) is made_up


@pytest.mark.parametrize(
    ("reference", "plain"), [(None, None), ("", None), (" \n", None), (" A ", "A"), ("u\u0308 ", "\u00fc")]
)
def test_references_are_compared_in_one_form(reference: str | None, plain: str | None) -> None:
    assert normal_reference(reference) == plain


@pytest.mark.parametrize("reference", ["sha256:abc", " sha256:abc", "nul\0", "\ud800"])
def test_a_reference_that_cannot_be_a_key_is_refused(reference: str) -> None:
    with pytest.raises(ValidationError) as caught:
        order_key(a_request(reference))
    assert caught.value.faults[0].path == "reference"


PLAIN = a_request(None)
PAID = a_request(None, confirm=True)
ODD = OrderRequest(
    user_id="\u00dc1",
    order=Order(
        domains=[DomainRegistration(domain="a.com", years=2)],
        mailboxes={
            "a.com": [Mailbox(username="ada", first_name="Ada", last_name="Lovelace")],
            "b.com": [Mailbox(username="bob", first_name="Bob", last_name="\u00dcnal")],
        },
    ),
)


@pytest.mark.parametrize(
    ("request_", "key", "content"),
    [
        (
            PLAIN,
            "sha256:710e8122f13e7064b261363e1a0f44b8ad6de1a8fe8201e424320a49e2f00dbd",
            "8741f563c6ac06d253b19b706d39aff72a5c44ff7963b146c7602ced85f8f92f",
        ),
        (
            PAID,
            "sha256:710e8122f13e7064b261363e1a0f44b8ad6de1a8fe8201e424320a49e2f00dbd",
            "386c538c06cd89d7817091b6b04c298caeadbbb573c690de9f61efebe4b182e2",
        ),
        (
            ODD,
            "sha256:08c832d0a793c7e2659aff0c64f673264ca7290d56b42ff66c8f3a9ba072824e",
            "392b86af76a74a176cc22ada00cea76b795ac4303c592ec336d3a641b487b71c",
        ),
    ],
    ids=["a draft", "paid", "other letters"],
)
def test_keys_and_fingerprints_are_those_of_journals_that_exist(request_: OrderRequest, key: str, content: str) -> None:
    checked = check_request(request_)
    assert (key_of(checked), order_key(request_)) == (key, key)
    assert (fingerprint_of(request_.user_id, checked.body), fingerprint(request_)) == (content, content)


def test_the_key_is_that_of_the_order_as_it_is_sent() -> None:
    assert key_of(check_request(a_request(None, domain="EXAMPLE.com"))) == order_key(a_request(None))


def test_equal_orders_have_no_differences() -> None:
    body = check_request(PLAIN).body
    assert differences(stored=("U1", body.decode()), given=("U1", body)) == ()


def test_each_difference_names_its_place() -> None:
    stored = (
        "U1",
        '{"confirm":true,"domains":[{"domain":"a.com","years":1}],"mailboxes":{"a.com":[{"id":"x"}]}}',
    )
    given = ("U2", b'{"confirm":1,"domains":[{"domain":"a.com","years":2},{"domain":"b.com"}]}')
    assert [str(fault) for fault in differences(stored=stored, given=given)] == [
        'user_id: the journal has "U1", now it is "U2"',
        "confirm: the journal has true, now it is 1",
        "domains[0].years: the journal has 1, now it is 2",
        'domains[1]: the journal has nothing, now it is {"domain":"b.com"}',
        'mailboxes: the journal has {"a.com":[{"id":"x"}]}, now it is nothing',
    ]
