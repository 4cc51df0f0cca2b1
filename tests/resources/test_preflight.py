"""The workspace check before an order: what is asked, and what is made of the answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from aioresponses import aioresponses
from yarl import URL

from cmr_async import (
    AsyncClient,
    AuthenticationError,
    DomainRegistration,
    Order,
    ValidationError,
    WorkspaceCheck,
    WorkspaceFinding,
)
from tests.fakes import ADA

OnlyRequest = Callable[[], tuple[str, URL, dict[str, Any]]]
URL_OF_CHECK = "https://api.example/v1/domains/has-workspace"
NONE = {"status": 200, "message": "Workspace not exists", "data": None}
ORDER = Order(domains=[DomainRegistration(domain="Bücher.example")])


async def only_check(cmr: AsyncClient, order: Order = ORDER) -> WorkspaceCheck:
    (check,) = (await cmr.orders.preflight(order, user_id="U1")).workspaces
    return check


async def test_the_check_of_a_domain_is_posted_as_the_help_centre_shows(
    cmr: AsyncClient, mocked_api: aioresponses, only_request: OnlyRequest
) -> None:
    mocked_api.post(URL_OF_CHECK, payload=NONE)
    envelope = await cmr.domains.has_workspace("a.com", service_provider="GOOGLE")
    assert (envelope.message, envelope.data) == ("Workspace not exists", None)
    method, url, sent = only_request()
    assert (method, url, orjson.loads(sent["data"])) == (
        "POST",
        URL(URL_OF_CHECK),
        {"domainName": "a.com", "serviceProvider": "GOOGLE"},
    )


async def test_every_domain_of_an_order_is_asked_about_once(cmr: AsyncClient, mocked_api: aioresponses) -> None:
    mocked_api.post(URL_OF_CHECK, payload=NONE, repeat=True)
    order = Order(
        domains=[DomainRegistration(domain="Bücher.example")], mailboxes={"bücher.example": [ADA], "b.com": [ADA]}
    )
    found = await cmr.orders.preflight(order, user_id="U1")
    assert [(check.domain, check.finding) for check in found.workspaces] == [
        ("xn--bcher-kva.example", WorkspaceFinding.NONE),
        ("b.com", WorkspaceFinding.NONE),
    ]
    ((_, calls),) = mocked_api.requests.items()
    assert [orjson.loads(call.kwargs["data"]) for call in calls] == [
        {"domainName": "xn--bcher-kva.example"},
        {"domainName": "b.com"},
    ]
    assert (found.problems, found.user_id) == ((), "U1")
    assert found.order.domain_names == ("xn--bcher-kva.example", "b.com")
    assert [caution.path for caution in found.cautions] == ["domains[0].domain", 'mailboxes["b.com"]']
    assert found.not_asked == ("availability: no source gives the path of the call, nor what it takes and answers",)


async def test_a_conflict_is_a_finding_with_the_refusal(cmr: AsyncClient, mocked_api: aioresponses) -> None:
    mocked_api.post(URL_OF_CHECK, status=409, payload={"status": 409, "message": "It exists", "data": None})
    check = await only_check(cmr)
    assert (check.finding, check.message, check.answer) == (WorkspaceFinding.CONFLICT, "It exists", None)
    assert check.error is not None
    assert check.error.status == 409


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 200, "message": "Workspace exists", "data": None},
        {"status": 200, "message": "Workspace not exists", "data": {"workspace": 1}},
        {"status": 200, "message": "", "data": []},
    ],
)
async def test_an_answer_that_is_not_documented_is_not_guessed_at(
    cmr: AsyncClient, mocked_api: aioresponses, answer: dict[str, Any]
) -> None:
    mocked_api.post(URL_OF_CHECK, payload=answer)
    check = await only_check(cmr)
    assert (check.finding, check.message) == (WorkspaceFinding.UNCLEAR, answer["message"])
    assert check.answer is not None
    assert check.answer.data == answer["data"]


@pytest.mark.parametrize("status", [400, 404, 422])
async def test_a_refusal_about_the_domain_is_unclear(cmr: AsyncClient, mocked_api: aioresponses, status: int) -> None:
    mocked_api.post(URL_OF_CHECK, status=status, payload={"status": status, "message": "No", "data": None})
    assert (await only_check(cmr)).finding is WorkspaceFinding.UNCLEAR


async def test_a_refusal_of_the_key_is_raised(cmr: AsyncClient, mocked_api: aioresponses) -> None:
    mocked_api.post(URL_OF_CHECK, status=401, payload={"status": 401, "message": "Invalid API Key", "data": None})
    with pytest.raises(AuthenticationError):
        await cmr.orders.preflight(ORDER, user_id="U1")


async def test_an_order_with_faults_asks_nothing(cmr: AsyncClient, mocked_api: aioresponses) -> None:
    with pytest.raises(ValidationError, match="user_id"):
        await cmr.orders.preflight(ORDER, user_id="")
    assert mocked_api.requests == {}
