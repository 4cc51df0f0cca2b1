"""How single values are read: what they mean, or `None` where they have another shape."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from cmr_async import ServiceProvider
from cmr_async.webhooks import DomainOrderSuccess, MailboxOrderSuccess, OrderedDomain, PrewarmupOrderSuccess
from cmr_async.webhooks.events.fields import FIELDS, read_fields, read_id


def read(attribute: str, value: Any) -> Any:
    return FIELDS[attribute].read(value)


@pytest.mark.parametrize("value", ["usr_abc123", "a b", "x" * 256, "ü"])
def test_an_id_is_printable_text(value: str) -> None:
    assert read_id(value) == value


@pytest.mark.parametrize("value", ["", " ", "x" * 257, "a\nb", "\x1b[2J", "\u202e", 5, None, True, ["a"]])
def test_anything_else_is_no_id(value: Any) -> None:
    assert read_id(value) is None


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (15.88, "15.88"),
        (11, "11"),
        (0, "0"),
        ("14.50", "14.50"),
        ("-3", "-3"),
        (0.1 + 0.2, "0.30000000000000004"),
        (999_999_999_999_999, "999999999999999"),
    ],
)
def test_an_amount_is_exact_as_a_number_or_as_text(value: Any, amount: str) -> None:
    assert read("price", value) == Decimal(amount)


@pytest.mark.parametrize("value", [True, None, "", "abc", "1e9", "$5", "1" * 16, 1e300, float("inf"), 10**400, [5]])
def test_anything_else_is_no_amount(value: Any) -> None:
    assert read("price", value) is None


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ("2025-01-10T11:18:31.479Z", datetime(2025, 1, 10, 11, 18, 31, 479_000, UTC)),
        ("2024-03-08T23:59:59Z", datetime(2024, 3, 8, 23, 59, 59, tzinfo=UTC)),
        ("2024-03-08T23:59:59", datetime(2024, 3, 8, 23, 59, 59, tzinfo=UTC)),
        ("2024-03-08T23:59:59+02:00", datetime(2024, 3, 8, 23, 59, 59, tzinfo=timezone(timedelta(hours=2)))),
    ],
)
def test_a_time_is_iso_8601_and_in_utc_where_it_does_not_say(value: str, time: datetime) -> None:
    found = read("expiry_date", value)
    assert (found, found.utcoffset()) == (time, time.utcoffset())


@pytest.mark.parametrize("value", ["", "soon", "2024-13-01T00:00:00Z", 1_780_000_000, None, "2" * 5000, []])
def test_anything_else_is_no_time(value: Any) -> None:
    assert read("expiry_date", value) is None


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("quantity", True), ("quantity", 3.0), ("quantity", "3"), ("quantity", -1), ("auto_renew", 1),
        ("auto_renew", "true"), ("password", 5), ("service_provider", 5), ("updated_fields", []),
        ("domains", {}), ("domains", [{}, 5]), ("mailbox_details", "x"),
    ],
)  # fmt: skip
def test_a_value_of_another_shape_is_none(attribute: str, value: Any) -> None:
    assert read(attribute, value) is None


def test_a_provider_that_is_not_known_stays_text() -> None:
    assert read("service_provider", "GOOGLE") is ServiceProvider.GOOGLE
    assert read("service_provider", "ZOHO") == "ZOHO"


def test_what_cannot_be_read_is_kept_beside_the_rest() -> None:
    data = {"orderId": "o", "price": "free", "expiryDate": None, "new": [1], "domains": [{"domain": 5, "status": "A"}]}
    known, extra = read_fields(DomainOrderSuccess, data)
    assert known == {"order_id": "o", "domains": (OrderedDomain(status="A", extra={"domain": 5}),)}
    assert extra == {"price": "free", "new": [1]}


def test_of_two_names_for_one_attribute_the_first_is_read_and_the_other_kept() -> None:
    assert read_fields(MailboxOrderSuccess, {"domain": "a.com", "domainName": "b.com"}) == (
        {"domain": "a.com"},
        {"domainName": "b.com"},
    )
    assert read_fields(MailboxOrderSuccess, {"domain": 5, "domainName": "b.com"}) == (
        {"domain": "b.com"},
        {"domain": 5},
    )


def test_fields_of_another_event_are_not_read() -> None:
    assert read_fields(PrewarmupOrderSuccess, {"price": 5}) == ({}, {"price": 5})
