"""Which bodies are refused, and with which words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cmr_async.simulator.http.bodies import read_mailbox_order, read_order, read_profile
from cmr_async.simulator.shop.records import Refusal, body_hash

from ..conftest import USER_FIELDS, mailbox_order_body, order_body

MAILBOX = {"username": "john", "firstName": "John", "lastName": "Doe"}


def refusal_of(body: object, *, strict: bool = True) -> str:
    with pytest.raises(Refusal) as caught:
        read_order(body, strict=strict)
    assert caught.value.status == 400
    return caught.value.message


#: What no source states: refused on request only.
CHOICES = [
    ({"reference": "A-1"}, "reference is not a field of this endpoint"),
    ({"billingCycle": "YEARLY"}, "billingCycle must be one of MONTHLY"),
    ({"google": {"clientID": "1"}}, "google.clientID is not a field of this endpoint"),
    ({"domains": [{"domain": "", "years": 1}]}, "domains[0].domain must not be empty"),
    ({"domains": [{"domain": "a.com", "years": 0}]}, "domains[0].years must be at least 1"),
    ({"domains": [{"domain": "a.com", "years": 1, "forward_to": "b.com"}]}, "domains[0].forward_to is not a field"),
    ({"mailboxes": {"a.com": [{**MAILBOX, "username": ""}]}}, "mailboxes.a.com[0].username must not be empty"),
]


@pytest.mark.parametrize(("changes", "message"), CHOICES)
def test_what_no_source_states_is_refused_when_it_is_strict_and_let_through_otherwise(
    changes: dict[str, Any], message: str
) -> None:
    body = order_body(**changes)
    assert message in refusal_of(body)
    assert read_order(body).digest == body_hash(body)


def test_no_domain_is_charged_for_fewer_years_than_one() -> None:
    lines = [{"domain": "a.com", "years": years} for years in (-1, 0, 1, 2)]
    assert [line.years for line in read_order({"domains": lines}).domains] == [1, 1, 1, 2]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"confirm": "true"}, "confirm must be a boolean"),
        ({"autoRenew": 1}, "autoRenew must be a boolean"),
        ({"serviceProvider": "google"}, "serviceProvider must be one of GOOGLE, MICROSOFT"),
        ({"serviceProvider": None}, "serviceProvider must be a string"),
        ({"google": ...}, "google is required for Google mailboxes"),
        ({"google": {"clientId": 1}}, "google.clientId must be a string"),
        ({"serviceProvider": "MICROSOFT"}, "microsoftOauthRoute is required for Microsoft mailboxes"),
        (
            {"serviceProvider": "MICROSOFT", "microsoftOauthRoute": ...},
            "microsoftOauthRoute is required for Microsoft mailboxes",
        ),
        ({"domains": {}}, "domains must be an array"),
        ({"domains": ["a.com"]}, "domains[0] must be an object"),
        ({"domains": [{"domain": "a.com"}]}, "domains[0].years is required"),
        ({"domains": [{"years": 1}]}, "domains[0].domain is required"),
        ({"domains": [{"domain": "a.com", "years": True}]}, "domains[0].years must be an integer"),
        ({"mailboxes": []}, "mailboxes must be an object"),
        ({"mailboxes": {"a.com": {}}}, "mailboxes.a.com must be an array"),
        ({"mailboxes": {"a.com": ["john"]}}, "mailboxes.a.com[0] must be an object"),
        (
            {"mailboxes": {"a.com": [MAILBOX, {"username": "x", "lastName": "y"}]}},
            "mailboxes.a.com[1].firstName is required",
        ),
        ({"mailboxes": {"a.com": [{**MAILBOX, "onWarmup": "yes"}]}}, "mailboxes.a.com[0].onWarmup must be a boolean"),
    ],
)
def test_a_fault_is_named_by_its_path(changes: dict[str, Any], message: str, *, strict: bool) -> None:
    assert message in refusal_of(order_body(**changes), strict=strict)


@pytest.mark.parametrize("body", [None, [], "order", 1])
@pytest.mark.parametrize("read", [read_order, read_mailbox_order, read_profile])
def test_a_body_that_is_no_object_is_refused(read: Callable[[object], object], body: object) -> None:
    with pytest.raises(Refusal, match=r"^The request body must be an object$"):
        read(body)


def test_all_faults_come_at_once() -> None:
    message = refusal_of({"domains": [{"domain": "a.com"}], "billingCycle": "YEARLY", "extra": 1})
    assert message == (
        "extra is not a field of this endpoint; domains[0].years is required; billingCycle must be one of MONTHLY"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"google": {}},
        {"google": ..., "serviceProvider": ...},
        {"google": ..., "mailboxes": ...},
        {"domains": ...},
        {"domains": [], "mailboxes": {}},
        {"mailboxes": {"another.com": [MAILBOX, MAILBOX]}},
        {"serviceProvider": "MICROSOFT", "microsoftOauthRoute": "https://login.example", "google": ...},
        {"mailboxes": {"example.com": [{**MAILBOX, "profilePicture": "https://x.test/p.png", "onWarmup": True}]}},
    ],
)
def test_what_the_reference_leaves_open_is_let_through_also_when_it_is_strict(changes: dict[str, Any]) -> None:
    body = order_body(**changes)
    assert read_order(body, strict=True) == read_order(body)


def test_what_is_left_out_takes_a_default() -> None:
    order = read_order({"domains": [{"domain": "Example.COM", "years": 2}]})
    assert (order.confirm, order.service_provider, order.auto_renew) == (False, "GOOGLE", False)
    assert order.billing_cycle == "MONTHLY"
    assert [(line.domain, line.years) for line in order.domains] == [("example.com", 2)]


def test_the_digest_does_not_depend_on_the_order_of_the_keys() -> None:
    body = order_body()
    assert read_order(body).digest == read_order(dict(reversed(body.items()))).digest
    assert read_order(body).digest != read_order(order_body(confirm=True)).digest


def test_all_faults_of_a_user_come_at_once() -> None:
    with pytest.raises(Refusal) as caught:
        read_profile({**USER_FIELDS, "phone": "", "state": 5, "city": "<b>", "nickname": "J"}, strict=True)
    assert caught.value.message == (
        "phone is required; city has characters that are not accepted; state must be a string; "
        "nickname is not a field of this endpoint"
    )


def test_a_users_fields_are_kept_with_entities_decoded() -> None:
    fields = {**USER_FIELDS, "addressLineTwo": "Floor 3", "company": "A &amp; B"}
    assert read_profile({**fields, "nickname": "J"}) == {**fields, "company": "A & B"}


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"domainId": ""}, "exactly one of subscriptionId and domainId is required"),
        ({"domainId": "D", "subscriptionId": "S"}, "exactly one of subscriptionId and domainId is required"),
        ({"domainId": 5}, "domainId must be a string"),
        ({"domainId": "D", "confirm": "true"}, "confirm must be a boolean"),
        ({"domainId": "D", "mailboxes": {"a.com": [{"username": "x"}]}}, "mailboxes.a.com[0].firstName is required"),
    ],
)
def test_an_order_of_mailboxes_names_its_faults(changes: dict[str, Any], message: str, *, strict: bool) -> None:
    with pytest.raises(Refusal) as caught:
        read_mailbox_order(mailbox_order_body(**changes), strict=strict)
    assert (caught.value.status, message in caught.value.message) == (400, True)


def test_an_order_of_mailboxes_needs_mailboxes() -> None:
    with pytest.raises(Refusal, match="mailboxes is required"):
        read_mailbox_order({"domainId": "D"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"google": {}}, "google is not a field of this endpoint"),
        ({"serviceProvider": "GOOGLE"}, "serviceProvider is not a field of this endpoint"),
        ({"billingCycle": "YEARLY"}, "billingCycle must be one of MONTHLY"),
        (
            {"mailboxes": {"a.com": [{**MAILBOX, "profilePicture": "https://x.test/p.png"}]}},
            "mailboxes.a.com[0].profilePicture is not a field of this endpoint",
        ),
    ],
)
def test_what_no_page_shows_in_an_order_of_mailboxes_is_refused_when_it_is_strict(
    changes: dict[str, Any], message: str
) -> None:
    body = mailbox_order_body(subscriptionId="S", **changes)
    with pytest.raises(Refusal) as caught:
        read_mailbox_order(body, strict=True)
    assert caught.value.message == message
    assert read_mailbox_order(body).digest == body_hash(body)


def test_an_order_of_mailboxes_registers_nothing_and_keeps_its_target() -> None:
    order = read_mailbox_order(mailbox_order_body("Example.com", domainId="D", autoRenew=True), strict=True)
    assert (order.domains, order.domain_id, order.subscription_id, order.only_mailboxes) == ((), "D", None, True)
    assert [(lines.domain, len(lines.mailboxes)) for lines in order.mailboxes] == [("example.com", 2)]
    assert (order.confirm, order.auto_renew, read_order(order_body()).only_mailboxes) == (True, True, False)
