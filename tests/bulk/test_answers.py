"""Reading answers of no documented shape: which domains they name, since when, and whether a list is whole."""

from __future__ import annotations

from typing import Any

import pytest

from cmr_async.bulk.answers import (
    DomainList,
    Mention,
    event_addresses,
    event_data,
    event_domains,
    event_name,
    is_last_page,
    names_user,
    read_domains,
    read_subscriptions,
    time_of,
)

NOON = 1_800_014_400.0
AT_NOON = "2027-01-15T12:00:00Z"


@pytest.mark.parametrize(
    ("data", "mention"),
    [
        (["A.com"], Mention()),
        (["a.com."], Mention()),
        ([["a.com"]], Mention()),
        ({"a.com": 1}, Mention()),
        ({"a.com": {"createdAt": AT_NOON}}, Mention(created=NOON)),
        ([{"name": "a.com", "created_at": AT_NOON, "orderId": "O1"}], Mention(created=NOON, order_id="O1")),
        ([{"domainName": "a.com", "creationTime": AT_NOON, "registeredAt": "2027-01-16"}], Mention(created=NOON)),
        ([{"name": "a.com", "createdAt": "soon", "orderId": 5}], Mention()),
        ([{"name": "a.com", "userId": "U2"}], Mention(user_id="U2")),
        ([{"name": "a.com", "expireOn": AT_NOON}], Mention()),
        # The time of another object is not that of the domain
        ({"createdAt": AT_NOON, "domains": ["a.com"]}, Mention()),
        ([{"createdAt": AT_NOON, "domain": {"name": "a.com"}}], Mention()),
    ],
)
def test_a_domain_is_found_in_any_shape_with_the_time_of_the_object_that_names_it(data: Any, mention: Mention) -> None:
    assert read_domains(data).mentions == {"a.com": (mention,)}


def test_international_names_are_read_in_the_form_that_is_sent() -> None:
    assert set(read_domains(["Bücher.de", "xn--mller-kva.de"]).mentions) == {"xn--bcher-kva.de", "xn--mller-kva.de"}


def test_where_a_domain_forwards_to_is_not_one_of_the_user() -> None:
    listed = read_domains([{"domain": "b.com", "forwardTo": "a.com", "domainForwarding": {"target": "c.com"}}])
    assert set(listed.mentions) == {"b.com"}


ROWS = [{"domain": f"{number}.com"} for number in range(3)]


@pytest.mark.parametrize(
    "data",
    [
        [],
        ROWS,
        {"domains": []},
        {"a.com": {}, "b.com": {}},
        {"domains": ROWS, "totalPages": 1, "currentPage": 1, "nextPage": 2},
        {"domains": ROWS, "pagination": {"total": 3, "hasMore": False}},
        {"domains": ROWS, "pagination": {"totalSearchedCount": "3"}},
        {"domains": ROWS, "nextCursor": None},
        {"domains": ROWS, "limit": 20, "page": 1, "total": 3},
        {"domains": ROWS, "domainsCount": 3, "isLast": True, "truncated": False},
        {"domains": ROWS, "country": "US", "accountId": "A", "totalMailboxes": 50},
        {"domains": ROWS, "last": True, "page": 1},
        {"a.com": {"totalPrice": 50}},
        {"domains": ROWS, "error": None, "success": True},
        {"domains": [{"domain": "a.com", "forwardTo": "b.com"}], "forwarded": [], "forwards": True},
    ],
)
def test_a_list_is_whole_when_nothing_says_otherwise_or_its_totals_prove_it(data: Any) -> None:
    assert read_domains(data).is_whole


@pytest.mark.parametrize(
    "data",
    [
        None,
        "text",
        5,
        {},
        {"domains": None},
        [ROWS[0]] * 20,
        {"domains": [ROWS[0]] * 50},
        {f"{number}.com": {} for number in range(100)},
        {"domains": ROWS, "hasMore": True},
        {"domains": ROWS, "has_more": "yes"},
        {"domains": ROWS, "pagination": {"total": 250}},
        {"domains": ROWS, "total": "250"},
        {"domains": ROWS, "total": {"value": 3}},
        {"domains": ROWS, "total": True},
        {"domains": ROWS, "nextCursor": "abc"},
        {"domains": ROWS, "links": {"next": "/domains/by-user?page=2"}},
        {"domains": ROWS, "next": {"page": 2}},
        {"domains": ROWS, "nextPage": 2},
        {"domains": ROWS, "nextPage": None},
        {"domains": ROWS, "page": 1},
        {"domains": ROWS, "limit": 20},
        {"domains": ROWS, "limit": 3, "total": 3},
        {"domains": ROWS, "totalSearchedCount": 45, "nextPage": 2},
        {"domains": ROWS, "totalPages": 2},
        {"domains": ROWS, "page": {"totalPages": "many"}},
        {"domains": ROWS, "totalPages": 1, "hasMore": True},
        [{"domains": ROWS, "totalPages": 2}],
        {"domains": ROWS, "domainsCount": 7},
        {"domains": ROWS, "totalDomainCount": "7"},
        {"domains": ROWS, "numberOfDomains": 7},
        {"domains": ROWS, "itemsPerPage": 3},
        {"domains": ROWS, "truncated": True},
        {"domains": ROWS, "remaining": 4},
        {"domains": ROWS, "last": False},
        {"domains": [], "error": "timeout"},
        {"forwarded": ROWS, "others": []},
        {"domains": {"forwarding": ROWS, "parked": ROWS}},
        {"domains": [], "success": False},
    ],
)
def test_a_list_that_may_be_one_page_of_several_is_not_whole(data: Any) -> None:
    assert not read_domains(data).is_whole


@pytest.mark.parametrize(
    "row",
    [
        None,
        7,
        "D1",
        {"id": "D1"},
        {"name": "b", "tld": "com", "nameservers": ["ns1.example.com"]},
        {"domain": "b***.com"},
        {"domain": "https://b.com/"},
        {"domainId": "D1", "forwardTo": "c.com"},
    ],
    ids=repr,
)
def test_a_list_with_a_row_whose_domain_cannot_be_read_is_not_whole(row: Any) -> None:
    assert not read_domains([*ROWS, row]).is_whole
    assert not read_domains({"domains": [*ROWS, row]}).is_whole


@pytest.mark.parametrize(
    ("beside", "is_whole"),
    [
        ({}, True),
        ({"requestId": "r"}, True),
        ({"totalPages": 1}, True),
        ({"domainCount": 3}, True),
        ({"domainCount": 4}, False),
        ({"pagination": {"totalPages": 2}}, False),
        ({"hasMore": True}, False),
        ({"page": 1}, False),
    ],
)
def test_pages_may_be_told_of_beside_the_list(beside: dict[str, Any], is_whole: bool) -> None:
    assert read_domains(ROWS, beside).is_whole is is_whole
    assert is_last_page({"subscriptions": [{}]}, page=1, rows=1, seen=1, beside={"totalPages": 2}) is False


def test_an_empty_list_of_domains_is_a_value_like_any_other() -> None:
    assert read_domains([]) == DomainList()


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({"userId": "U1"}, True),
        ({"user": [{"id": "U1"}]}, True),
        ({"U1": {}}, True),
        (None, False),
        ({}, False),
        ({"id": "U2", "message": "no U1"}, False),
    ],
)
def test_a_user_is_known_by_their_own_id(data: Any, named: bool) -> None:
    assert names_user(data, "U1") is named


@pytest.mark.parametrize("data", [None, [], {}, {"subscriptions": 5}, {"subscriptions": ["S1"]}])
def test_what_is_no_page_of_subscriptions_is_none(data: Any) -> None:
    assert read_subscriptions(data) is None


def a_page(rows: int = 0, **pagination: Any) -> dict[str, Any]:
    return {"subscriptions": [{}] * rows, "pagination": pagination}


@pytest.mark.parametrize(
    ("data", "page", "seen", "is_last"),
    [
        ({"subscriptions": []}, 1, 0, True),
        ({"subscriptions": [{}] * 50}, 1, 50, None),
        ({"subscriptions": []}, 2, 20, None),
        (a_page(totalPages=1, currentPage=1, nextPage=2, totalSearchedCount=0), 1, 0, True),
        (a_page(50, totalPages=1, currentPage=1, nextPage=2, totalSearchedCount=50), 1, 50, True),
        (a_page(2, totalPages=2, currentPage=1), 1, 2, False),
        (a_page(2, totalPages=2, currentPage=2, totalSearchedCount=4), 2, 4, True),
        (a_page(2, totalPages=2, currentPage=2, totalSearchedCount=5), 2, 4, None),
        (a_page(2, totalPages=2, currentPage=1), 2, 4, None),
        (a_page(0, totalPages=2, currentPage=1), 1, 0, None),
        (a_page(2, totalPages="many"), 1, 2, None),
        (a_page(2, totalPages=1, hasMore=True), 1, 2, None),
        (a_page(2, hasMore=False), 1, 2, True),
        (a_page(2, nextPage=2), 1, 2, None),
    ],
)
def test_the_last_page_of_subscriptions_is_known_by_its_pagination(
    data: dict[str, Any], page: int, seen: int, is_last: bool | None
) -> None:
    assert is_last_page(data, page=page, rows=len(data["subscriptions"]), seen=seen) is is_last


@pytest.mark.parametrize(
    ("event", "domains"),
    [
        ({"data": {"domainName": "A.com"}}, {"a.com"}),
        ({"data": {"domain": "bücher.de"}}, {"xn--bcher-kva.de"}),
        ({"data": {"domains": [{"domain": "a.com", "status": "ACTIVE"}, "b.com", 5]}}, {"a.com", "b.com"}),
        ({"data": {"domains": "a.com"}}, set()),
        ({"data": {"email": "Ada@A.com"}}, {"a.com"}),
        ({"data": {"email": "no address", "domain": 5}}, set()),
        ({"data": "a.com"}, set()),
        ({}, set()),
    ],
)
def test_an_event_names_domains_in_each_documented_form(event: dict[str, Any], domains: set[str]) -> None:
    assert event_domains(event) == domains


def test_an_event_has_its_name_in_either_field() -> None:
    assert [event_name({"event": "a"}), event_name({"eventType": "b"}), event_name({})] == ["a", "b", ""]
    assert event_data({"data": {"a": 1}}) == {"a": 1}
    assert event_addresses({"data": {"email": " Ada@A.com "}}) == {"ada@a.com"}


def test_a_time_without_a_zone_is_utc() -> None:
    assert time_of(AT_NOON) == time_of("2027-01-15T12:00:00.000") == NOON


@pytest.mark.parametrize("value", [None, 5, "soon", []])
def test_what_is_no_time_is_none(value: Any) -> None:
    assert time_of(value) is None
