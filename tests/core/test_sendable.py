"""What the inspection lets through can be put on the wire: a bulk run must not die of one order."""

from __future__ import annotations

import enum
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmr_async import DomainRegistration, GoogleOAuth, Mailbox, Order, OrderRequest, ValidationError
from cmr_async.bulk.sending import check
from cmr_async.core.checked import check_order
from cmr_async.core.validation import inspect_order
from cmr_async.core.wire import dump_order


class Domains(enum.StrEnum):
    """Names of domains as an application may keep them."""

    OURS = "x.com"


SOUND = Order(domains=[DomainRegistration(domain="x.com")])
BOX = Mailbox(username="a", first_name="b", last_name="c")


@pytest.mark.parametrize("key", [Domains.OURS, type("Name", (str,), {})("x.com")])
def test_a_name_of_a_domain_may_be_any_kind_of_text(key: str) -> None:
    order = Order(domains=[DomainRegistration(domain=key)], mailboxes={key: [BOX]})
    findings = inspect_order(order)
    assert findings.faults == ()
    assert orjson.loads(dump_order(findings.order)) == {
        "confirm": False,
        "domains": [{"domain": "x.com", "years": 1}],
        "mailboxes": {"x.com": [{"username": "a", "firstName": "b", "lastName": "c"}]},
    }


@pytest.mark.parametrize("years", [2**31, 2**63, 2**64, 2**70])
def test_more_years_than_a_number_on_the_wire_holds_are_a_fault(years: int) -> None:
    findings = inspect_order(Order(domains=[DomainRegistration(domain="x.com", years=years)]))
    assert [fault.path for fault in findings.faults] == ["domains[0].years"]


@pytest.mark.parametrize("user_id", ["\ud800", "user-\udfff", "", " ", None, 5])
def test_a_user_id_that_no_url_can_carry_is_a_fault(user_id: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        check_order(SOUND, user_id=user_id)
    assert [fault.path for fault in caught.value.faults] == ["user_id"]
    refused = check(0, OrderRequest(user_id=user_id, order=SOUND)).refused
    assert isinstance(refused, ValidationError)
    assert refused.faults == caught.value.faults


texts = st.text(max_size=4) | st.sampled_from(["x.com", "https://x.com/", "a", "\ud800", Domains.OURS])
junk = texts | st.none() | st.booleans() | st.integers() | st.floats() | st.lists(st.integers(), max_size=1)
boxes = st.builds(Mailbox, username=junk, first_name=junk, last_name=junk, profile_picture=junk, on_warmup=junk)
google = st.builds(GoogleOAuth, google_oauth_route=junk, client_id=junk, app_name=junk)
orders = st.builds(
    Order,
    domains=st.lists(st.builds(DomainRegistration, domain=junk, years=junk, forward_to=junk) | junk, max_size=2),
    mailboxes=st.dictionaries(texts, st.lists(boxes | st.just(BOX) | junk, max_size=2), max_size=2),
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
    mailboxes=st.dictionaries(st.sampled_from(["x.com", Domains.OURS]), st.just([BOX]), max_size=1),
    billing_cycle=st.none() | texts,
    google=st.none() | google,
    microsoft_oauth_route=st.none() | texts,
)


@given(orders | nearly_sound)
def test_an_order_without_faults_can_be_written_down(order: Order) -> None:
    findings = inspect_order(order)
    if not findings.faults:
        assert orjson.loads(dump_order(findings.order))["confirm"] is order.confirm
