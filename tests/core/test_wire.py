"""Models to the wire and back: the page's own names, nothing invented, nothing lost."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmr_async.core.endpoints import ENDPOINTS
from cmr_async.core.exchange import Exchange, Phase, Request
from cmr_async.core.judge import Judgement, Outcome, judge
from cmr_async.core.order.validation import inspect_order
from cmr_async.core.wire import dump_order, read_order_created, restore_order, structure_order, unstructure_order
from cmr_async.errors import Fault, ValidationError
from cmr_async.models import (
    BillingCycle,
    DomainRegistration,
    Envelope,
    GoogleOAuth,
    Mailbox,
    Order,
    OrderCreated,
    ServiceProvider,
)
from tests.fakes import ADA

SAMPLES = Path(__file__).parent.parent / "samples"
PAGE: dict[str, Any] = orjson.loads((SAMPLES / "order.json").read_bytes())
BOX = {"username": "john", "firstName": "John", "lastName": "Doe"}


class Domains(enum.StrEnum):
    """Names of domains as an application may keep them."""

    OURS = "x.com"


def faults(body: Any) -> tuple[Fault, ...]:
    with pytest.raises(ValidationError) as caught:
        structure_order(body, Order)
    return caught.value.faults


def created(name: str) -> OrderCreated:
    request = Request(endpoint=ENDPOINTS["orders.create"], subject=lambda: "The order")
    exchange = Exchange(phase=Phase.COMPLETE, status=200, body=(SAMPLES / f"{name}.json").read_bytes())
    judgement: Judgement = judge(request, exchange)
    assert judgement.outcome is Outcome.ACCEPTED
    assert judgement.envelope is not None
    return read_order_created(judgement.envelope)


# Out


def test_the_pages_sample_goes_through_unchanged() -> None:
    assert unstructure_order(structure_order(PAGE, Order)) == PAGE
    assert orjson.loads(dump_order(structure_order(PAGE, Order))) == PAGE


def test_the_pages_sample_is_read_into_the_models() -> None:
    order = structure_order(PAGE, Order)
    assert order.domains == (DomainRegistration(domain="domain.com", years=1, forward_to="coldmailreseller.com"),)
    assert [box.username for box in order.mailboxes["domain.com"]] == ["email1", "email1"]
    assert order.billing_cycle is BillingCycle.MONTHLY
    assert order.service_provider is ServiceProvider.GOOGLE
    assert order.google is not None
    assert order.google.app_name == "Outreach App"
    assert (order.confirm, order.auto_renew, order.microsoft_oauth_route) == (False, False, "")


def test_none_and_empty_groups_are_left_out_but_confirm_is_always_sent() -> None:
    assert unstructure_order(Order()) == {"confirm": False}
    assert dump_order(Order(confirm=True)) == b'{"confirm":true}'


def test_years_are_always_sent() -> None:
    order = Order(domains=[DomainRegistration(domain="x.com")])
    assert unstructure_order(order) == {"domains": [{"domain": "x.com", "years": 1}], "confirm": False}


@pytest.mark.parametrize(("value", "sent"), [(None, {}), (True, {"onWarmup": True}), (False, {"onWarmup": False})])
def test_warmup_is_sent_as_given(value: bool | None, sent: dict[str, bool]) -> None:
    box = Mailbox(username="john", first_name="John", last_name="Doe", on_warmup=value)
    assert unstructure_order(Order(mailboxes={"x.com": [box]}))["mailboxes"] == {"x.com": [{**BOX, **sent}]}


@pytest.mark.parametrize("value", [False, True])
def test_auto_renew_false_is_sent(value: bool) -> None:
    assert unstructure_order(Order(auto_renew=value)) == {"confirm": False, "autoRenew": value}


def test_every_field_has_the_name_of_the_page() -> None:
    order = Order(
        billing_cycle=BillingCycle.MONTHLY,
        service_provider=ServiceProvider.MICROSOFT,
        microsoft_oauth_route="https://m.example/",
        google=GoogleOAuth(google_oauth_route="https://g.example/", client_id="id", app_name="app"),
    )
    assert orjson.loads(dump_order(order)) == {
        "billingCycle": "MONTHLY",
        "confirm": False,
        "serviceProvider": "MICROSOFT",
        "microsoftOauthRoute": "https://m.example/",
        "google": {"googleOauthRoute": "https://g.example/", "clientId": "id", "appName": "app"},
    }


def test_text_of_any_script_is_sent_as_utf8() -> None:
    box = Mailbox(username="zoe", first_name="Zoë", last_name="王")
    body = dump_order(Order(mailboxes={"x.com": [box]}))
    assert '"firstName":"Zoë","lastName":"王"'.encode() in body


# In


@pytest.mark.parametrize("value", ["YEARLY", "monthly", ""])
def test_unknown_members_of_an_enum_stay_strings(value: str) -> None:
    order = structure_order({"billingCycle": value, "serviceProvider": value}, Order)
    assert (order.billing_cycle, order.service_provider) == (value, value)
    assert unstructure_order(order) == {"billingCycle": value, "confirm": False, "serviceProvider": value}


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        ({"confirm": None}, "confirm", "must be true or false, not None"),
        ({"confirm": "true"}, "confirm", "must be true or false, not 'true'"),
        ({"confirm": 1}, "confirm", "must be true or false, not 1"),
        ({"autoRenew": 0}, "autoRenew", "must be true or false, not 0"),
        ({"billingCycle": 5}, "billingCycle", "must be text, not 5"),
        ({"serviceProvider": ["GOOGLE"]}, "serviceProvider", "must be text, not ['GOOGLE']"),
        ({"microsoftOauthRoute": 5}, "microsoftOauthRoute", "must be text, not 5"),
        ({"google": {"clientId": 5}}, "google.clientId", "must be text, not 5"),
        ({"domains": [{"domain": "x.com", "years": "1"}]}, "domains[0].years", "must be a whole number, not '1'"),
        ({"domains": [{"domain": "x.com", "years": True}]}, "domains[0].years", "must be a whole number, not True"),
        ({"domains": [{"domain": "x.com", "years": 1.0}]}, "domains[0].years", "must be a whole number, not 1.0"),
        ({"domains": [{"domain": None}]}, "domains[0].domain", "must be text, not None"),
        ({"domains": [{"domain": "x.com", "forwardTo": 5}]}, "domains[0].forwardTo", "must be text, not 5"),
        (
            {"mailboxes": {"x.com": [{**BOX, "firstName": 5}]}},
            'mailboxes["x.com"][0].firstName',
            "must be text, not 5",
        ),
        (
            {"mailboxes": {"x.com": [BOX, {**BOX, "onWarmup": "no"}]}},
            'mailboxes["x.com"][1].onWarmup',
            "must be true or false, not 'no'",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_scalars_are_strict_and_faults_name_the_path_of_the_wire(body: Any, path: str, message: str) -> None:
    assert faults(body) == (Fault(path, message),)


def test_all_faults_are_found_at_once() -> None:
    body = {
        "domains": [{"domain": 5, "years": "1"}],
        "mailboxes": {"x.com": [{**BOX, "firstName": None}], "y.com": [{**BOX, "username": 1}]},
        "confirm": "yes",
        "google": {"appName": 1},
    }
    assert sorted(fault.path for fault in faults(body)) == [
        "confirm",
        "domains[0].domain",
        "domains[0].years",
        "google.appName",
        'mailboxes["x.com"][0].firstName',
        'mailboxes["y.com"][0].username',
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"coupon": "x"}, "coupon"),
        ({"billing_cycle": "MONTHLY"}, "billing_cycle"),
        ({"domains": [{"domain": "x.com", "year": 1}]}, "year"),
        ({"mailboxes": {"x.com": [{**BOX, "password": "p"}]}}, "password"),
        ({"google": {"clientID": "x"}}, "clientID"),
    ],
)
def test_a_field_that_the_page_does_not_document_is_a_fault(body: Any, field: str) -> None:
    (fault,) = faults(body)
    hint = "" if "google" in body else '; to send it all the same, put it into "extra"'
    assert fault.message == f"the page documents no field {field} here{hint}"


EXTRA_BODY = {
    "confirm": False,
    "coupon": {"code": "X", "uses": [1, None]},
    "extra": 1,
    "domains": [{"domain": "x.com", "years": 1, "privacy": True}, {"domain": "y.com", "years": 1}],
    "mailboxes": {"x.com": [{**BOX, "signature": "-- J"}, BOX], "y.com": []},
}


def test_fields_of_extra_stand_beside_the_others_and_come_back_from_a_journal() -> None:
    order = Order(
        domains=[DomainRegistration(domain="x.com", extra={"privacy": True}), DomainRegistration(domain="y.com")],
        mailboxes={
            "x.com": [
                Mailbox(username="john", first_name="John", last_name="Doe", extra={"signature": "-- J"}),
                Mailbox(username="john", first_name="John", last_name="Doe"),
            ],
            "y.com": [],
        },
        extra={"coupon": {"code": "X", "uses": [1, None]}, "extra": 1},
    )
    assert orjson.loads(dump_order(order)) == EXTRA_BODY
    assert restore_order(orjson.loads(dump_order(order))) == order
    assert hash(restore_order(EXTRA_BODY)) == hash(order)


@pytest.mark.parametrize("group", [{"domains": []}, {"mailboxes": {}}])
def test_an_empty_group_is_sent_when_extra_says_so_and_left_out_otherwise(group: dict[str, Any]) -> None:
    assert unstructure_order(Order(**group)) == {"confirm": False}
    assert unstructure_order(Order(extra=group)) == {"confirm": False, **group}
    assert restore_order({"confirm": False, **group}) == Order(extra=group)


def test_a_body_from_a_file_keeps_its_extra_fields() -> None:
    body = {"domains": [{"domain": "x.com", "extra": {"privacy": True}}], "extra": {"coupon": "X"}}
    assert structure_order(body, Order) == Order(
        domains=[DomainRegistration(domain="x.com", extra={"privacy": True})], extra={"coupon": "X"}
    )
    assert faults({"extra": "secret"}) == (Fault("extra", "must be an object"),)


@pytest.mark.parametrize("body", [None, [], {"domains": [5]}, {"domains": 5}, {"mailboxes": {"x.com": 5}}])
def test_what_is_no_body_of_an_order_is_not_restored(body: Any) -> None:
    with pytest.raises(ValidationError):
        restore_order(body)


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        ({"domains": [{}]}, "domain"),
        ({"mailboxes": {"x.com": [{"firstName": "J", "lastName": "D"}]}}, "username"),
        ({"mailboxes": {"x.com": [{"username": "j", "lastName": "D"}]}}, "firstName"),
    ],
)
def test_a_required_field_that_is_missing_is_a_fault(body: Any, missing: str) -> None:
    (fault,) = faults(body)
    assert fault.message == f"required field {missing!r} is missing"


@pytest.mark.parametrize(
    "body", [None, 5, "order", [], {"domains": 5}, {"mailboxes": []}, {"mailboxes": {"x.com": 5}}, {"google": 5}]
)
def test_another_shape_is_a_fault_and_nothing_else(body: Any) -> None:
    assert faults(body)


@pytest.mark.parametrize("field", ["billingCycle", "serviceProvider"])
def test_a_choice_that_is_null_is_no_choice(field: str) -> None:
    assert structure_order({field: None}, Order) == Order()


# Answers


def test_the_answer_of_the_page_is_read() -> None:
    assert created("order_created") == OrderCreated(
        order_id="RJK7NR2W194HAGHGTX75D391P3NB",
        message="Order created and queued for processing, make sure to have enough balance in your wallet!",
    )


def test_the_newer_answer_is_read() -> None:
    assert created("order_created_newer") == OrderCreated(
        order_id="ord_R8K2LQPZA9XM",
        message="Order created and queued for processing",
        action_id="ACT_7a078272-0fa7-4db4-a85b-c78697dacea1",
    )


def test_domains_that_could_not_be_had_are_kept_whatever_their_shape() -> None:
    data = {"orderId": "1", "unavailableDomains": ["x.com", {"domain": "y.com"}]}
    assert read_order_created(Envelope(status=200, data=data)).unavailable_domains == ("x.com", {"domain": "y.com"})


def test_unknown_fields_of_both_levels_are_kept() -> None:
    data = {"orderId": "1", "actionId": "ACT_1", "price": 15.88, "unavailableDomains": "none"}
    result = read_order_created(Envelope(status=200, data=data, action_id="ACT_1", extra={"requestId": "r"}))
    assert result.extra == {"requestId": "r", "price": 15.88, "unavailableDomains": "none"}
    assert (result.action_id, result.unavailable_domains) == ("ACT_1", ())


def test_the_raw_envelope_is_kept_beside_it() -> None:
    envelope = Envelope(status=200, data={"orderId": "1"})
    assert read_order_created(envelope).envelope is envelope


# What the inspection lets through can be put on the wire: a bulk run must not die of one order


@pytest.mark.parametrize("key", [Domains.OURS, type("Name", (str,), {})("x.com")])
def test_a_name_of_a_domain_may_be_any_kind_of_text(key: str) -> None:
    order = Order(domains=[DomainRegistration(domain=key)], mailboxes={key: [ADA]})
    findings = inspect_order(order)
    assert findings.faults == ()
    assert orjson.loads(dump_order(findings.order)) == {
        "confirm": False,
        "domains": [{"domain": "x.com", "years": 1}],
        "mailboxes": {"x.com": [{"username": "ada", "firstName": "Ada", "lastName": "Lovelace"}]},
    }


@pytest.mark.parametrize("years", [2**31, 2**63, 2**64, 2**70])
def test_more_years_than_a_number_on_the_wire_holds_are_a_fault(years: int) -> None:
    findings = inspect_order(Order(domains=[DomainRegistration(domain="x.com", years=years)]))
    assert [fault.path for fault in findings.faults] == ["domains[0].years"]


texts = st.text(max_size=4) | st.sampled_from(["x.com", "https://x.com/", "a", "\ud800", Domains.OURS])
junk = texts | st.none() | st.booleans() | st.integers() | st.floats() | st.lists(st.integers(), max_size=1)
boxes = st.builds(Mailbox, username=junk, first_name=junk, last_name=junk, profile_picture=junk, on_warmup=junk)
google = st.builds(GoogleOAuth, google_oauth_route=junk, client_id=junk, app_name=junk)
orders = st.builds(
    Order,
    domains=st.lists(st.builds(DomainRegistration, domain=junk, years=junk, forward_to=junk) | junk, max_size=2),
    mailboxes=st.dictionaries(texts, st.lists(boxes | st.just(ADA) | junk, max_size=2), max_size=2),
    billing_cycle=junk,
    confirm=junk,
    service_provider=junk | st.sampled_from(["GOOGLE", "MICROSOFT"]),
    microsoft_oauth_route=junk,
    google=google | junk,
    auto_renew=junk,
)
nearly_sound = st.builds(
    Order,
    domains=st.just([DomainRegistration(domain="x.com")]),
    mailboxes=st.dictionaries(st.sampled_from(["x.com", Domains.OURS]), st.just([ADA]), max_size=1),
    billing_cycle=st.none() | texts,
    google=st.none() | google,
    microsoft_oauth_route=st.none() | texts,
)


@given(orders | nearly_sound)
def test_an_order_without_faults_can_be_written_down(order: Order) -> None:
    findings = inspect_order(order)
    if not findings.faults:
        assert orjson.loads(dump_order(findings.order))["confirm"] is order.confirm
