"""Whatever a JSON object holds, it becomes an event, and nothing of it is lost."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmr_async import ServiceProvider
from cmr_async.webhooks import (
    EVENT_TYPES,
    DomainOrderFailed,
    DomainOrderSuccess,
    Event,
    MailboxCreated,
    MailboxOrderSuccess,
    MailboxUpdated,
    MailboxWarmupStarted,
    OrderedDomain,
    PrewarmedDomain,
    PrewarmedMailbox,
    PrewarmupOrderSuccess,
    Refusal,
    RefusalReason,
    SubscriptionRenewalSuccess,
    SubscriptionRenewing,
    UnknownEvent,
    VerifiedDelivery,
    parse,
)
from cmr_async.webhooks.events.fields import FIELDS

SAMPLES = Path(__file__).parents[1] / "samples" / "webhooks"
USER: dict[str, Any] = {"user_id": "PWM7Y25RYZ450YNM8K8FX9GK5AHX", "user_email": "johndoe@company.com"}
MIDNIGHT: dict[str, Any] = {
    "creation_time": datetime(2024, 3, 8, 23, 59, 59, tzinfo=UTC),
    "expiry_date": datetime(2025, 3, 8, 23, 59, 59, tzinfo=UTC),
}

#: Each sample of the reference, sections 9.6 and 9.7, and what it means.
MEANT: dict[str, Event] = {
    "domain_order_success": DomainOrderSuccess(
        event_id="6SSHBXWR3N4JEKGRQSG3KW3D76N6",
        order_id="NQ682GAVFTMYC2H6C87PPKPG5WXV",
        domain_id="AH2BD0WYWSMQC9NQHTMES3TFK4TX",
        domain="company.com",
        price=Decimal("15.88"),
        **USER,
        **MIDNIGHT,
    ),
    "domain_order_success_listed": DomainOrderSuccess(
        action_id="ACT_7a078272-0fa7-4db4-a85b-c78697dacea1",
        domains=(OrderedDomain(domain="mycoldoutreach.com", status="ACTIVE"),),
    ),
    "mailbox_order_success": MailboxOrderSuccess(
        event_id="6SSHBXWR3N4JEKGRQSG3KW3D76N6",
        order_id="NQ682GAVFTMYC2H6C87PPKPG5WXV",
        domain_id="AH2BD0WYWSMQC9NQHTMES3TFK4TX",
        domain="company.com",
        subscription_id="YC2H6C87PPKPG5WXVNQ682GAVFTM",
        service_provider=ServiceProvider.GOOGLE,
        price=Decimal(11),
        quantity=3,
        **USER,
        **MIDNIGHT,
    ),
    "subscription_renewal_success": SubscriptionRenewalSuccess(
        event_id="6SSHBXWQ3N3JEKHRQ763KW3D76N6",
        subscription_id="YC2H6C87PPKPG5WXVNQ682GAVFTM",
        service_provider=ServiceProvider.GOOGLE,
        quantity=3,
        **USER,
    ),
    "mailbox_warmup_started": MailboxWarmupStarted(
        user_id="HATSA7AB56M513Q6EBF005YFHDQT",
        user_email="partner-user@example.com",
        mailbox_id="4165WDY91BMKS6JD341FKQ5XVP19",
        email="alice@acmecorp.com",
        domain="acmecorp.com",
        service_provider=ServiceProvider.GOOGLE,
    ),
    "mailbox_created": MailboxCreated(
        event_id="7TTIBYXS4O5KFLHSRTG4LX4E87O7",
        user_id="usr_abc123",
        order_id="NQ682GAVFTMYC2H6C87PPKPG5WXV",
        mailbox_id="mbx_001",
        email="alice@alicesender.com",
    ),
    "prewarmup_order_success": PrewarmupOrderSuccess(
        event_id="...",
        user_id="...",
        user_email="...",
        order_id="...",
        service_provider=ServiceProvider.GOOGLE,
        mailbox_details=(
            PrewarmedDomain(
                domain="example.com",
                subscription_id="...",
                mailboxes=(
                    PrewarmedMailbox(
                        mailbox_id="...",
                        email="...",
                        first_name="...",
                        last_name="...",
                        profile_picture="https://cdn.zapmail.ai/...",
                        password="...",
                        app_password="xxxx xxxx xxxx xxxx",
                        authenticator_secret="xxxx xxxx xxxx xxxx",
                        is_admin=True,
                        warming_up_from=datetime(2025, 9, 26, 8, 53, 51, 641_000, UTC),
                        expiry_date=datetime(2025, 11, 27, 19, 59, 17, 294_000, UTC),
                    ),
                ),
            ),
        ),
    ),
}


def read(body: Any) -> Event:
    event = parse(body if isinstance(body, bytes) else orjson.dumps(body))
    assert not isinstance(event, Refusal)
    return event


def refused(body: Any) -> RefusalReason:
    result = parse(body)
    assert isinstance(result, Refusal)
    assert result.message.isprintable()
    return result.reason


def plain(value: Any) -> Any:
    """The JSON values that were frozen."""
    return orjson.loads(orjson.dumps(value, default=dict))


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_a_sample_of_the_documentation_is_read_whole(path: Path) -> None:
    assert read(path.read_bytes()) == MEANT[path.stem]


def test_every_sample_is_there() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} == set(MEANT)


def test_the_names_of_the_domains_are_the_same_in_either_form() -> None:
    flat, listed = MEANT["domain_order_success"], MEANT["domain_order_success_listed"]
    assert isinstance(flat, DomainOrderSuccess)
    assert isinstance(listed, DomainOrderSuccess)
    assert (flat.domain_names, listed.domain_names) == (("company.com",), ("mycoldoutreach.com",))
    assert DomainOrderSuccess(
        domain="a.com", domains=(OrderedDomain(), OrderedDomain(domain="a.com"))
    ).domain_names == ("a.com",)


def test_a_verified_delivery_is_read_however_long_its_verifier_let_it_be() -> None:
    body = orjson.dumps({"event": "domain.expired", "data": {"note": "x" * 1_100_000}})
    assert refused(body) is RefusalReason.BODY_TOO_LONG
    event = parse(VerifiedDelivery(body=body, sent_at=None, key_index=0))
    assert not isinstance(event, Refusal)
    assert (event.name, len(event.extra["note"])) == ("domain.expired", 1_100_000)


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
@pytest.mark.parametrize("key", ["event", "eventType"])
def test_every_event_is_read_in_both_envelopes(name: str, key: str) -> None:
    event = read({key: name, "data": {"userId": "U1", "new": 1}})
    assert type(event) is EVENT_TYPES[name]
    assert (event.name, event.user_id, event.extra, event.envelope_extra) == (name, "U1", {"new": 1}, {})


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
@pytest.mark.parametrize("data", [None, [], {}, "text", 5, [{"userId": "U1"}], {"orderId": {}, "quantity": "x"}])
def test_no_shape_of_the_data_fails_an_event(name: str, data: Any) -> None:
    event = read({"event": name, "eventId": 7, "data": data})
    assert type(event) is EVENT_TYPES[name]
    assert event.event_id is None
    kept = {"eventId": 7} if data is None or isinstance(data, dict) else {"eventId": 7, "data": data}
    assert plain(event.envelope_extra) == kept
    assert plain(event.extra) == ({} if not isinstance(data, dict) else data)


def test_the_common_fields_of_a_subscription_are_read() -> None:
    data = {
        "userId": "U1",
        "userEmail": "a@b.com",
        "subscriptionId": "S1",
        "domainId": "D1",
        "domain": "a.com",
        "workspaceType": "MICROSOFT",
        "quantity": 2,
        "periodStart": "2026-01-01T00:00:00Z",
        "periodEnd": "2026-02-01T00:00:00Z",
        "autoRenew": False,
        "description": "d",
        "subscriptionStatus": "ACTIVE",
    }
    assert read({"event": "subscription.renewing", "data": data}) == SubscriptionRenewing(
        user_id="U1",
        user_email="a@b.com",
        subscription_id="S1",
        domain_id="D1",
        domain="a.com",
        service_provider=ServiceProvider.MICROSOFT,
        quantity=2,
        period_start=datetime(2026, 1, 1, tzinfo=UTC),
        period_end=datetime(2026, 2, 1, tzinfo=UTC),
        auto_renew=False,
        description="d",
        subscription_status="ACTIVE",
    )


def test_why_an_order_failed_is_read() -> None:
    body = {"event": "domain.order.failed", "eventId": "E", "data": {"reason": "Workspace validation failed"}}
    assert read(body) == DomainOrderFailed(event_id="E", reason="Workspace validation failed")


def test_what_was_changed_of_a_mailbox_is_kept_and_not_shown() -> None:
    event = read({"event": "mailbox.updated", "data": {"updatedFields": {"firstName": "Ada", "password": "hunter2"}}})
    assert isinstance(event, MailboxUpdated)
    assert event.updated_fields == {"firstName": "Ada", "password": "hunter2"}
    assert "hunter2" not in repr(event)


def test_the_credentials_of_a_mailbox_are_read_and_not_shown() -> None:
    secrets = {
        "password": "hunter2",
        "appPassword": "hunter3",
        "authenticatorSecret": "hunter4",
        "smtpPassword": "hunter5",
    }
    event = read({"event": "mailbox.created", "data": secrets})
    assert isinstance(event, MailboxCreated)
    assert (event.password, event.app_password, event.authenticator_secret) == ("hunter2", "hunter3", "hunter4")
    assert event.extra == {"smtpPassword": "hunter5"}
    assert "hunter" not in repr(event)


def test_an_event_of_an_unknown_name_keeps_everything() -> None:
    body = {"event": "order.refunded", "eventId": "E", "actionId": "A", "data": {"userId": "U", "x": [1]}, "v": 2}
    assert read(body) == UnknownEvent(
        name="order.refunded",
        event_id="E",
        action_id="A",
        user_id="U",
        extra={"x": [1]},
        envelope_extra={"v": 2},
    )


@pytest.mark.parametrize("name", [None, 5, "", "x" * 257, "a\nb", ["domain.expired"], {}])
def test_an_event_without_a_name_is_unknown_and_keeps_what_stood_there(name: Any) -> None:
    assert read({"event": name}) == UnknownEvent(name=None, envelope_extra={"event": name})


def test_of_two_names_the_documented_one_counts() -> None:
    event = read({"eventType": "domain.expired", "event": "mailbox.updated"})
    assert event == MailboxUpdated(envelope_extra={"eventType": "domain.expired"})
    assert read({"eventType": "mailbox.updated", "event": 5}) == MailboxUpdated(envelope_extra={"event": 5})


def test_an_action_id_is_read_beside_the_data_and_in_it() -> None:
    name = {"event": "domain.expired"}
    assert read({**name, "actionId": "A"}).action_id == "A"
    assert read({**name, "data": {"actionId": "A"}}).action_id == "A"
    both = read({**name, "actionId": "A", "data": {"actionId": "A"}})
    assert (both.action_id, both.envelope_extra) == ("A", {})
    other = read({**name, "actionId": "B", "data": {"actionId": "A"}})
    assert (other.action_id, other.envelope_extra) == ("A", {"actionId": "B"})


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"1", b"null", b'"text"', b"{", b"{}}", b"\xff", b'{"a": NaN}', b'{"a":' * 2000, b"\xef\xbb\xbf{}"],
)
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    assert refused(body) is RefusalReason.NOT_AN_OBJECT


def test_a_body_that_was_made_to_do_harm_is_refused() -> None:
    assert refused(b'{"a":' * 65 + b"1" + b"}" * 65) is RefusalReason.NOT_AN_OBJECT
    assert refused(b'{"a":[' + b"0," * 500_001 + b"0]}") is RefusalReason.NOT_AN_OBJECT


@pytest.mark.parametrize("body", ["{}", None, {}, 5, bytearray(b"{}")])
def test_what_is_no_bytes_is_refused(body: Any) -> None:
    assert refused(body) is RefusalReason.BODY_NOT_BYTES


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=4) | st.sampled_from(["a.com", "11.5"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
WIRE = sorted({name for field in FIELDS.values() for name in field.wire_names})
DATA = st.dictionaries(st.sampled_from(WIRE) | st.text(max_size=4), JSON, max_size=6)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "event": st.sampled_from(sorted(EVENT_TYPES)) | JSON,
        "eventType": st.sampled_from(sorted(EVENT_TYPES)) | JSON,
        "eventId": st.just("E1") | JSON,
        "actionId": st.just("ACT_1") | JSON,
        "data": DATA | JSON,
        "other": JSON,
    },
)


@given(BODIES)
def test_every_field_is_an_attribute_or_kept_as_it_came(body: dict[str, Any]) -> None:
    event = read(body)
    kept, beside = plain(event.extra), plain(event.envelope_extra)
    data = body.get("data")
    fields = data if isinstance(data, dict) else {}
    assert kept == {name: fields[name] for name in kept}
    for name in fields.keys() - kept.keys():
        attribute = next(one for one, field in FIELDS.items() if name in field.wire_names)
        assert fields[name] is None or getattr(event, attribute) == FIELDS[attribute].read(fields[name])
    assert beside == {name: body[name] for name in beside}
    assert data is None or isinstance(data, dict) or beside["data"] == data
    for name in body.keys() - beside.keys() - {"data"}:
        assert body[name] in (event.name, event.event_id, event.action_id)
