"""Requests and answers as the page prints them: the API's own names, `confirm` always, `None` never."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmr_async.core.wire import dump_order, read_order_created, structure_order, unstructure_order
from cmr_async.errors import ResponseDecodeError, ValidationError
from cmr_async.models import BillingCycle, DomainRegistration, Envelope, GoogleOAuth, Mailbox, Order, ServiceProvider

SAMPLE: dict[str, Any] = orjson.loads((Path(__file__).parents[1] / "samples" / "order.json").read_bytes())


def test_the_sample_of_the_page_is_read_into_models() -> None:
    picture = SAMPLE["mailboxes"]["domain.com"][0]["profilePicture"]
    mailbox = Mailbox(username="email1", first_name="john", last_name="doe", profile_picture=picture)
    assert structure_order(SAMPLE) == Order(
        domains=[DomainRegistration(domain="domain.com", years=1, forward_to="coldmailreseller.com")],
        mailboxes={"domain.com": [mailbox, mailbox]},
        billing_cycle=BillingCycle.MONTHLY,
        confirm=False,
        service_provider=ServiceProvider.GOOGLE,
        microsoft_oauth_route="",
        google=GoogleOAuth(
            google_oauth_route=SAMPLE["google"]["googleOauthRoute"],
            client_id="549360251880-maeh4okn7btu9cjtf0l2bt1t5b22sbf8.apps.googleusercontent.com",
            app_name="Outreach App",
        ),
        auto_renew=False,
    )


def test_the_sample_of_the_page_comes_out_as_it_went_in() -> None:
    assert orjson.loads(dump_order(structure_order(SAMPLE))) == SAMPLE


def test_confirm_and_years_are_always_sent_and_nothing_is_sent_that_was_not_given() -> None:
    body = orjson.loads(dump_order(Order(domains=[DomainRegistration(domain="x.com")])))
    assert body == {"domains": [{"domain": "x.com", "years": 1}], "confirm": False}


def test_a_false_is_not_a_missing_value() -> None:
    mailbox = Mailbox(username="a", first_name="b", last_name="c", on_warmup=False)
    assert unstructure_order(Order(mailboxes={"x.com": [mailbox]}, auto_renew=False, confirm=True)) == {
        "mailboxes": {"x.com": [{"username": "a", "firstName": "b", "lastName": "c", "onWarmup": False}]},
        "confirm": True,
        "autoRenew": False,
    }


def test_an_unknown_billing_cycle_and_provider_stay_usable_text() -> None:
    order = structure_order({"billingCycle": "YEARLY", "serviceProvider": "ZOHO", "confirm": False})
    assert (order.billing_cycle, order.service_provider) == ("YEARLY", "ZOHO")
    assert unstructure_order(order) == {"billingCycle": "YEARLY", "serviceProvider": "ZOHO", "confirm": False}


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"domains": [{"domain": None}]}, "domains[0].domain: must be text, not None"),
        ({"domains": [{"domain": 5}]}, "domains[0].domain: must be text, not 5"),
        ({"domains": [{"domain": "x.com", "years": "1"}]}, "domains[0].years: must be a whole number, not '1'"),
        ({"domains": [{"domain": "x.com", "years": True}]}, "domains[0].years: must be a whole number, not True"),
        ({"domains": [{"domain": "x.com", "years": 1.0}]}, "domains[0].years: must be a whole number, not 1.0"),
        ({"domains": [{"years": 1}]}, "domains[0].domain: required field 'domain' is missing"),
        ({"domain": []}, "order: the API has no field domain here"),
        ({"confirm": "false"}, "confirm: must be true or false, not 'false'"),
        ({"confirm": None}, "confirm: must be true or false, not None"),
        ({"confirm": 1}, "confirm: must be true or false, not 1"),
        ({"autoRenew": "no"}, "autoRenew: must be true or false, not 'no'"),
        ({"serviceProvider": 1}, "serviceProvider: must be text, not 1"),
        ({"google": {"clientId": 1}}, "google.clientId: must be text, not 1"),
    ],
)
def test_a_body_that_does_not_fit_is_refused_with_the_place(body: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError) as caught:
        structure_order(body)
    assert [str(found) for found in caught.value.faults] == [fault]


def test_all_faults_of_a_body_are_named_at_once() -> None:
    body = {
        "domains": [{"domain": 1}, {"domain": "x.com", "year": 2}],
        "mailboxes": {"x.com": [{"username": "a", "firstName": None, "lastName": 3}]},
    }
    with pytest.raises(ValidationError) as caught:
        structure_order(body)
    assert {fault.path for fault in caught.value.faults} == {
        "domains[0].domain",
        "domains[1]",
        'mailboxes["x.com"][0].firstName',
        'mailboxes["x.com"][0].lastName',
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(SAMPLE, json_values)) | json_values)
def test_no_json_breaks_the_reader(body: Any) -> None:
    with suppress(ValidationError):
        order = structure_order(body)
        assert structure_order(unstructure_order(order)) == order


@pytest.mark.parametrize("name", ["order_created", "order_created_newer"])
def test_both_generations_of_answers_are_read(name: str) -> None:
    answer = orjson.loads((Path(__file__).parents[1] / "samples" / f"{name}.json").read_bytes())
    envelope = Envelope(status=200, message=answer["message"], data=answer["data"], action_id=answer.get("actionId"))
    created = read_order_created(envelope)
    assert created.order_id == answer["data"]["orderId"]
    assert created.message == answer["message"]
    assert created.action_id == answer.get("actionId")
    assert created.unavailable_domains == ()
    assert created.extra == {}
    assert created.envelope is envelope


def test_unknown_fields_of_the_answer_are_kept() -> None:
    data = {"orderId": "X", "price": 15.88, "unavailableDomains": ["a.com", {"domain": "b.com"}]}
    created = read_order_created(Envelope(status=200, data=data, extra={"requestId": "R"}))
    assert created.extra == {"requestId": "R", "price": 15.88}
    assert created.unavailable_domains == ("a.com", {"domain": "b.com"})


def test_unavailable_domains_of_another_shape_are_kept_as_they_came() -> None:
    created = read_order_created(Envelope(status=200, data={"orderId": "X", "unavailableDomains": "a.com"}))
    assert created.unavailable_domains == ()
    assert created.extra == {"unavailableDomains": "a.com"}


@pytest.mark.parametrize("data", [None, [], {}, {"orderId": None}, {"orderId": 7}])
def test_an_answer_without_an_id_is_no_order(data: Any) -> None:
    with pytest.raises(ResponseDecodeError) as caught:
        read_order_created(Envelope(status=200, data=data))
    assert caught.value.path == "data.orderId"
