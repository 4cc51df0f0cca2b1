"""The table of endpoints: what spends money is never repeated, and no path is invented."""

from __future__ import annotations

import pytest

from cmr_async.core.endpoints import DEFAULT_BASE_URL, ENDPOINTS, Endpoint, require_path, resolve
from cmr_async.core.processing import ProcessEndpoint
from cmr_async.errors import ConfigurationError, EndpointNotConfiguredError

ROWS = pytest.mark.parametrize("row", ENDPOINTS.values(), ids=ENDPOINTS.keys())


@ROWS
def test_only_what_reads_may_be_repeated(row: Endpoint) -> None:
    reads = row.method == "GET" or row.name == "domains.has_workspace"
    assert row.repeatable is reads


@ROWS
def test_a_path_is_relative_to_the_base_url(row: Endpoint) -> None:
    assert row.path is None or (row.path.startswith("/") and not row.path.endswith("/") and "?" not in row.path)


@ROWS
def test_a_path_that_no_source_states_is_not_invented(row: Endpoint) -> None:
    assert (row.path is None) is (row.name == "orders.process")


@ROWS
def test_a_row_is_found_by_its_own_name(row: Endpoint) -> None:
    assert ENDPOINTS[row.name] is row


def test_orders_are_created_where_the_page_says() -> None:
    assert ENDPOINTS["orders.create"] == Endpoint(
        name="orders.create",
        method="POST",
        path="/orders/json",
        takes_user_id=True,
        repeatable=False,
        proof="orderId",
    )
    assert DEFAULT_BASE_URL == "https://customers.coldmailreseller.com/api/v1/integration"


@pytest.mark.parametrize(
    ("name", "method", "path"),
    [
        ("orders.create", "POST", "/orders/json"),
        ("orders.status", "GET", "/orders/status"),
        ("users.get", "GET", "/users"),
        ("domains.by_user", "GET", "/domains/by-user"),
        ("domains.has_workspace", "POST", "/domains/has-workspace"),
        ("subscriptions.list", "GET", "/subscriptions"),
    ],
)
def test_the_documented_paths(name: str, method: str, path: str) -> None:
    row = ENDPOINTS[name]
    assert (row.method, require_path(row)) == (method, path)


def test_a_path_that_is_missing_says_how_to_set_it() -> None:
    with pytest.raises(EndpointNotConfiguredError) as caught:
        require_path(ENDPOINTS["orders.process"])
    assert caught.value.endpoint == "orders.process"
    assert str(caught.value) == (
        "The path of orders.process is not documented. When you know it, name it as you make the client: "
        'endpoints={"orders.process": "/the/path"}.'
    )


def test_a_path_of_the_callers_own_changes_its_row_only() -> None:
    table = resolve({"orders.process": "/orders/process"})
    assert require_path(table["orders.process"]) == "/orders/process"
    assert not table["orders.process"].repeatable
    assert {name for name in table if table[name] is not ENDPOINTS[name]} == {"orders.process"}
    assert ENDPOINTS["orders.process"].path is None


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"no endpoint 'orders\.cancel'; the names are: .*orders\.create"):
        resolve({"orders.cancel": "/orders/cancel"})


def test_the_caller_may_say_where_the_ids_of_processing_go() -> None:
    place = ProcessEndpoint(path="/run", order_id_in="query", user_id_in="nowhere")
    row = resolve({"orders.process": place})["orders.process"]
    assert (require_path(row), row.ids) == ("/run", place)
    assert resolve({"orders.process": "/run"})["orders.process"].ids == ProcessEndpoint(path="/run")


def test_the_places_of_ids_are_for_processing_only() -> None:
    with pytest.raises(ConfigurationError, match=r"for orders\.process only; users\.get takes a path"):
        resolve({"users.get": ProcessEndpoint(path="/run")})


def test_a_path_of_another_row_is_checked_too() -> None:
    assert require_path(resolve({"users.get": "/people"})["users.get"]) == "/people"
    with pytest.raises(ConfigurationError, match=r"The path of users\.get must start with one '/'"):
        resolve({"users.get": "people"})


@pytest.mark.parametrize("path", ["", "orders", "//other.example/orders", "https://other.example/orders"])
def test_a_path_that_could_leave_the_api_is_refused(path: str) -> None:
    with pytest.raises(ConfigurationError, match=r"The path of orders\.process must start with one '/'"):
        resolve({"orders.process": path})
