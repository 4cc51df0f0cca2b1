"""What an order may hold: the page's sample and whatever the page does not forbid goes through; our rules say so."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import attrs
import orjson
import pytest

from cmr_async import AsyncClient, Client, DomainRegistration, GoogleOAuth, Mailbox, Order, OrderRequest
from cmr_async.core.order.checked import check_request
from cmr_async.core.order.validation import inspect_order
from cmr_async.core.wire import dump_order, structure_order
from cmr_async.errors import OrderWarning
from cmr_async.journal.identity import fingerprint, order_key
from cmr_async.orderfiles import LocatedOrder, OrderFile
from cmr_async.simulator import DEMO_USERS, Simulator, body_hash
from tests.cli.conftest import Cmr, Start, cmr, start_simulator

__all__ = ["cmr", "start_simulator"]

PAGE: dict[str, Any] = orjson.loads((Path(__file__).parents[1] / "samples" / "order.json").read_bytes())
USER = DEMO_USERS[0]
ADA = Mailbox(username="ada", first_name="Ada", last_name="Lovelace")


def an_order(**fields: Any) -> Order:
    return Order(**{"domains": [DomainRegistration(domain="x.com")], "mailboxes": {"x.com": [ADA]}, **fields})


def sent(order: Order) -> dict[str, Any]:
    """Return the body that leaves, of an order that has no fault."""
    findings = inspect_order(order)
    assert findings.faults == ()
    body: dict[str, Any] = orjson.loads(dump_order(findings.order))
    return body


def cautions(order: Order) -> list[str]:
    return [caution.path for caution in inspect_order(order).cautions]


# The page's own sample


def test_the_pages_sample_leaves_as_the_page_prints_it_with_one_caution() -> None:
    order = structure_order(PAGE, Order)
    assert sent(order) == PAGE
    assert cautions(order) == ['mailboxes["domain.com"][1].username']


@pytest.mark.parametrize("generation", ["2026-06", "2026-02"])
@pytest.mark.parametrize("strict", [False, True])
async def test_the_pages_sample_is_taken_by_both_generations_of_the_simulator(generation: Any, *, strict: bool) -> None:
    async with Simulator(generation=generation, strict=strict) as sim, AsyncClient(sim.api_key, sim.base_url) as cmr:
        with pytest.warns(OrderWarning, match="already a mailbox of this domain"):
            created = await cmr.orders.create(structure_order(PAGE, Order), user_id=USER)
    assert sim.state.orders[created.order_id].body.digest == body_hash(PAGE)


def test_the_pages_sample_is_taken_by_the_blocking_client() -> None:
    with Simulator() as sim, Client(sim.api_key, sim.base_url) as cmr, pytest.warns(OrderWarning):
        created = cmr.orders.create(structure_order(PAGE, Order), user_id=USER)
    assert sim.state.orders[created.order_id].body.digest == body_hash(PAGE)


@pytest.mark.parametrize("name", ["page.json", "page.jsonl"])
def test_the_pages_sample_is_read_from_a_file_without_a_fault(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(orjson.dumps(PAGE))
    with OrderFile(path) as file:
        (located,) = file.orders(user_id=USER)
    assert isinstance(located, LocatedOrder)
    assert orjson.loads(dump_order(located.request.order)) == PAGE


@pytest.mark.parametrize("options", [(), ("--confirm", "--yes")], ids=["draft", "paid"])
@pytest.mark.parametrize("piped", [False, True], ids=["file", "pipe"])
def test_the_pages_sample_goes_through_the_command_line(
    cmr: Cmr, start_simulator: Start, tmp_path: Path, options: Any, *, piped: bool
) -> None:
    simulator = start_simulator()
    path = tmp_path / "page.json"
    path.write_bytes(orjson.dumps(PAGE))
    place = ("--format", "json", "--journal", tmp_path / "run.db")
    result = cmr(
        *("orders", "submit", "-" if piped else path, "--user-id", USER, *place, *options),
        text=path.read_text() if piped else None,
    )
    assert result.exit_code == 0
    assert result.stderr.count("caution: ") == 1
    (order,) = simulator.state.orders.values()
    assert order.body.digest == body_hash({**PAGE, "confirm": bool(options)})
    assert simulator.state.purchases("domain.com") == len(options[:1])


async def test_every_field_of_the_models_is_one_that_the_sources_name() -> None:
    box = Mailbox(username="a", first_name="A", last_name="B", profile_picture="https://x.com/a.png", on_warmup=True)
    order = Order(
        domains=[DomainRegistration(domain="x.com", years=2, forward_to="y.com")],
        mailboxes={"x.com": [box]},
        billing_cycle="MONTHLY",
        confirm=True,
        service_provider="MICROSOFT",
        microsoft_oauth_route="my-route",
        google=GoogleOAuth(google_oauth_route="https://y.com/", client_id="1", app_name="App"),
        auto_renew=True,
    )
    assert None not in attrs.asdict(order).values()
    async with Simulator(strict=True) as sim, AsyncClient(sim.api_key, sim.base_url) as cmr:
        await cmr.orders.create(order, user_id=USER)
    assert sim.state.purchases("x.com") == 1


# What the page does not forbid is sent


@pytest.mark.parametrize("route", ["my-route", "urn:ietf:wg:oauth", "https://login.example/a b"])
def test_a_microsoft_route_may_be_any_text(route: str) -> None:
    order = an_order(service_provider="MICROSOFT", microsoft_oauth_route=route)
    assert sent(order)["microsoftOauthRoute"] == route
    assert cautions(order) == []


@pytest.mark.parametrize("provider", ["GOOGLE", "MICROSOFT"])
def test_an_order_of_domains_only_needs_no_part_of_the_provider(provider: str) -> None:
    order = an_order(mailboxes={}, service_provider=provider)
    assert sent(order)["serviceProvider"] == provider
    assert cautions(order) == []


@pytest.mark.parametrize("provider", ["GOOGLE", "MICROSOFT"])
def test_mailboxes_of_a_provider_need_its_part_as_the_page_says(provider: str) -> None:
    (fault,) = inspect_order(an_order(service_provider=provider)).faults
    assert "required by the page" in fault.message


@pytest.mark.parametrize("forward_to", ["acme.com/landing", "https://acme.com/a b", "mailto:me@acme.com"])
def test_a_strange_destination_is_sent_with_a_caution(forward_to: str) -> None:
    order = an_order(domains=[DomainRegistration(domain="x.com", forward_to=forward_to)])
    assert sent(order)["domains"][0]["forwardTo"] == forward_to
    assert cautions(order) == ["domains[0].forward_to"]


@pytest.mark.parametrize("picture", ["data:image/png;base64,AAAA", "https://acme.com/a b.png", "me.png"])
def test_a_strange_picture_is_sent_with_a_caution(picture: str) -> None:
    order = an_order(
        mailboxes={"x.com": [Mailbox(username="a", first_name="A", last_name="B", profile_picture=picture)]}
    )
    assert sent(order)["mailboxes"]["x.com"][0]["profilePicture"] == picture
    assert cautions(order) == ['mailboxes["x.com"][0].profile_picture']


def test_empty_text_is_sent_and_none_is_left_out() -> None:
    empty = Order(
        domains=[DomainRegistration(domain="x.com", forward_to="")],
        mailboxes={"x.com": [Mailbox(username="a", first_name="A", last_name="B", profile_picture="")]},
        google=GoogleOAuth(google_oauth_route="", client_id="", app_name=""),
        microsoft_oauth_route="",
    )
    body = sent(empty)
    assert body["domains"][0]["forwardTo"] == body["mailboxes"]["x.com"][0]["profilePicture"] == ""
    assert body["google"] == {"googleOauthRoute": "", "clientId": "", "appName": ""}
    assert body["microsoftOauthRoute"] == ""
    assert cautions(empty) == []
    assert sent(an_order()) == {
        "domains": [{"domain": "x.com", "years": 1}],
        "mailboxes": {"x.com": [{"username": "ada", "firstName": "Ada", "lastName": "Lovelace"}]},
        "confirm": False,
    }


@pytest.mark.parametrize("username", ["josé", "田中", "a@x.com", ".ada", "a" * 65])
def test_a_strange_user_name_is_sent_with_a_caution(username: str) -> None:
    order = an_order(mailboxes={"x.com": [Mailbox(username=username, first_name="A", last_name="B")]})
    assert sent(order)["mailboxes"]["x.com"][0]["username"] == username
    assert cautions(order) == ['mailboxes["x.com"][0].username']


def test_an_empty_list_of_mailboxes_is_sent_with_a_caution() -> None:
    order = an_order(mailboxes={"x.com": []})
    assert sent(order)["mailboxes"] == {"x.com": []}
    assert cautions(order) == ['mailboxes["x.com"]']


@pytest.mark.parametrize(("name", "empty"), [("domains", []), ("mailboxes", {})])
def test_an_empty_group_is_left_out_unless_it_is_asked_for(name: str, empty: Any) -> None:
    assert name not in sent(an_order(**{name: empty}))
    assert sent(an_order(**{name: empty}, extra={name: empty}))[name] == empty


# Rules of ours


@pytest.mark.parametrize(
    "order",
    [
        Order(),
        an_order(domains=[DomainRegistration(domain="x.com", years=0)]),
        an_order(domains=[DomainRegistration(domain="x.com", years=-1)]),
        an_order(domains=[DomainRegistration(domain="x.com"), DomainRegistration(domain="X.com")]),
        an_order(mailboxes={"x.com": [ADA], "X.com": [ADA]}),
        an_order(mailboxes={"x.com": [Mailbox(username="", first_name="A", last_name="B")]}),
    ],
)
def test_a_rule_that_no_source_states_is_called_ours(order: Order) -> None:
    (fault,) = inspect_order(order).faults
    assert "this SDK" in fault.message


# Fields that the SDK does not know

#: Computed before there was `extra`: fingerprint and key of the page's sample for user U1, fingerprint of mailboxes.
FINGERPRINT = "8b1439d2aedf42e55206aa7664b0bd6119389236e71c453acd5862ac00bff312"
KEY = "sha256:566e1555173464e597e189526b2f7b862897acc42ad12745bef77aae4eaa4bc2"
MAILBOXES = "d4f88690229c0ef50e342fab24c555e6ece50b9e7802e386b407afa018a68276"


def test_extra_sends_a_field_that_the_sdk_does_not_know_on_every_level() -> None:
    order = Order(
        domains=[DomainRegistration(domain="x.com", extra={"maskForwarding": True})],
        mailboxes={"x.com": [Mailbox(username="a", first_name="A", last_name="B", extra={"language": "en"})]},
        extra={"coupon": {"code": "X"}},
    )
    body = sent(order)
    assert body["domains"][0]["maskForwarding"] is True
    assert body["mailboxes"]["x.com"][0]["language"] == "en"
    assert body["coupon"] == {"code": "X"}
    assert cautions(order) == []


async def test_extra_reaches_the_server_and_changes_the_key() -> None:
    order = Order(domains=[DomainRegistration(domain="x.com")], extra={"coupon": "X"})
    async with Simulator() as sim, AsyncClient(sim.api_key, sim.base_url) as cmr:
        created = await cmr.orders.create(order, user_id=USER)
    body = {"domains": [{"domain": "x.com", "years": 1}], "confirm": False, "coupon": "X"}
    assert sim.state.orders[created.order_id].body.digest == body_hash(body)
    plain = Order(domains=[DomainRegistration(domain="x.com")])
    assert order_key(OrderRequest(user_id=USER, order=order)) != order_key(OrderRequest(user_id=USER, order=plain))


def test_extra_cannot_overrule_a_field_that_the_sdk_knows() -> None:
    (fault,) = inspect_order(an_order(extra={"confirm": True})).faults
    assert (fault.path, fault.message) == ("extra.confirm", "is a field that the SDK knows: set it where it belongs")


def test_keys_and_fingerprints_of_orders_without_extra_are_what_they_were() -> None:
    request = OrderRequest(user_id="U1", order=structure_order(PAGE, Order))
    assert check_request(request).faults == ()
    assert fingerprint(request) == FINGERPRINT
    assert order_key(request) == KEY
    assert fingerprint(OrderRequest(user_id="U1", order=an_order(domains=[], mailboxes={"x.com": [ADA]}))) == MAILBOXES


def test_a_name_that_no_page_documents_is_called_that(tmp_path: Path) -> None:
    path = tmp_path / "orders.jsonl"
    path.write_text('{"coupon": "X", "domains": [{"domain": "x.com"}]}\n{"domains": [{"domain": "x.com", "mask": 1}]}')
    with OrderFile(path) as file:
        first, second = file.orders(user_id=USER)
    texts = [str(fault) for each in (first, second) for fault in getattr(each, "faults", ())]
    assert [text.partition(": ")[2] for text in texts] == [
        'the page documents no field "coupon"; to send it all the same, put it into "extra"',
        'the page documents no field mask here; to send it all the same, put it into "extra"',
    ]


def test_an_order_of_a_file_sends_the_fields_of_its_extra(tmp_path: Path) -> None:
    path = tmp_path / "orders.json"
    body = {"domains": [{"domain": "x.com", "years": 1, "extra": {"mask": 1}}], "extra": {"coupon": "X"}}
    path.write_bytes(orjson.dumps(body))
    with OrderFile(path) as file, warnings.catch_warnings():
        (located,) = file.orders(user_id=USER)
    assert isinstance(located, LocatedOrder)
    assert isinstance(located.request.order, Order)
    assert sent(located.request.order) == {
        "domains": [{"domain": "x.com", "years": 1, "mask": 1}],
        "coupon": "X",
        "confirm": False,
    }
