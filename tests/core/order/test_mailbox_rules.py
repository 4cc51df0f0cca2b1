"""Every rule about an order of mailboxes, and its body on the wire."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from cmr_async import DomainRegistration, Mailbox, MailboxOrder, Order, ValidationError
from cmr_async.core.order.checked import CheckedOrder, check_request
from cmr_async.core.wire import dump_order, restore_mailbox_order, structure_order, unstructure_order
from cmr_async.journal.identity import content_of, fingerprint_of, kind_of
from cmr_async.models.requests import OrderRequest
from tests.fakes import ADA

BOXES = {"one.com": [ADA]}


def checked(order: Order | MailboxOrder) -> CheckedOrder:
    return check_request(OrderRequest(user_id="U1", order=order))


def mailboxes(**fields: Any) -> MailboxOrder:
    return MailboxOrder(**{"subscription_id": "S1", "mailboxes": BOXES, **fields})


@pytest.mark.parametrize("ids", [{"subscription_id": "S1"}, {"subscription_id": None, "domain_id": "D1"}])
def test_one_id_is_enough(ids: dict[str, Any]) -> None:
    found = checked(mailboxes(**ids))
    assert (found.faults, found.cautions) == ((), ())


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({"subscription_id": None}, ["subscription_id"]),
        ({"domain_id": "D1"}, ["domain_id"]),
        ({"subscription_id": " "}, ["subscription_id"]),
        ({"subscription_id": 7}, ["subscription_id"]),
        ({"mailboxes": {}}, ["mailboxes"]),
        ({"mailboxes": {"one.com": []}}, ["mailboxes"]),
        ({"mailboxes": {"no domain": [ADA]}}, ['mailboxes["no domain"]']),
        ({"confirm": 1}, ["confirm"]),
        ({"extra": {"domains": []}}, ["extra.domains"]),
        ({"extra": {"domainId": "D1"}}, ["extra.domainId"]),
    ],
)
def test_what_forbids_sending(fields: dict[str, Any], paths: list[str]) -> None:
    assert [fault.path for fault in checked(mailboxes(**fields)).faults] == paths


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({"auto_renew": True}, ["auto_renew"]),
        ({"mailboxes": {**BOXES, "two.com": [ADA]}}, ["mailboxes"]),
        (
            {
                "mailboxes": {
                    "one.com": [Mailbox(username="a", first_name="A", last_name="B", profile_picture="https://x/a")]
                }
            },
            ['mailboxes["one.com"][0].profile_picture'],
        ),
        ({"mailboxes": {"ONE.com": [ADA]}}, ['mailboxes["ONE.com"]']),
    ],
)
def test_what_deserves_a_look(fields: dict[str, Any], paths: list[str]) -> None:
    found = checked(mailboxes(**fields))
    assert ([caution.path for caution in found.cautions], found.faults) == (paths, ())


def test_renewal_is_documented_beside_a_domain_id() -> None:
    assert checked(mailboxes(subscription_id=None, domain_id="D1", auto_renew=True)).cautions == ()


def test_domains_are_sent_in_lower_case() -> None:
    assert checked(mailboxes(mailboxes={"ONE.com": [ADA]})).order.domain_names == ("one.com",)


def test_an_order_of_mailboxes_registers_nothing_and_counts_its_mailboxes() -> None:
    warm = Mailbox(username="w", first_name="W", last_name="X", on_warmup=True)
    order = mailboxes(mailboxes={"one.com": [ADA, warm]})
    assert (order.domains, order.mailbox_count, order.warmup_count) == ((), 2, 1)


def test_the_body_has_the_names_of_the_page_and_comes_back() -> None:
    order = mailboxes(billing_cycle="MONTHLY", extra={"google": {"appName": "X"}})
    body = {
        "subscriptionId": "S1",
        "mailboxes": {"one.com": [{"username": "ada", "firstName": "Ada", "lastName": "Lovelace"}]},
        "billingCycle": "MONTHLY",
        "confirm": False,
        "google": {"appName": "X"},
    }
    assert unstructure_order(order) == body
    assert restore_mailbox_order(orjson.loads(dump_order(order))) == order


def test_a_body_with_an_unknown_field_is_refused_with_its_name() -> None:
    with pytest.raises(ValidationError, match="domains"):
        structure_order({"domainId": "D1", "mailboxes": {}, "domains": []}, MailboxOrder)


def test_it_is_another_order_than_one_whose_extra_gives_it_the_same_body() -> None:
    one, other = checked(mailboxes()), checked(Order(mailboxes=BOXES, extra={"subscriptionId": "S1"}))
    assert one.body == other.body
    assert content_of(one) != content_of(other)
    assert fingerprint_of("U1", one.body, kind_of(one.order)) != fingerprint_of("U1", other.body, kind_of(other.order))


def test_a_draft_and_its_payment_have_the_same_content() -> None:
    assert content_of(checked(mailboxes())) == content_of(checked(mailboxes(confirm=True)))
    assert content_of(checked(mailboxes())) != content_of(
        checked(Order(domains=[DomainRegistration(domain="one.com")]))
    )
