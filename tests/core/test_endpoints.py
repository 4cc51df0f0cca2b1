"""The table of endpoints: what spends, what may be repeated, and what nobody documented."""

from __future__ import annotations

import pytest

from cmr_async.core.endpoints import DEFAULT_BASE_URL, ENDPOINTS, Evidence, UserIdIn, require_path, resolve
from cmr_async.errors import ConfigurationError, EndpointNotConfigured


def test_the_order_row_is_the_page() -> None:
    row = ENDPOINTS["orders.create"]
    assert (row.method, row.path, row.user_id_in, row.evidence) == (
        "POST",
        "/orders/json",
        UserIdIn.QUERY,
        Evidence.DOC,
    )
    assert DEFAULT_BASE_URL == "https://customers.coldmailreseller.com/api/v1/integration"


def test_what_spends_is_never_repeated() -> None:
    for endpoint in ENDPOINTS.values():
        assert not (endpoint.spends and endpoint.repeatable)
        assert endpoint.spends == (endpoint.method == "POST" and endpoint.name.startswith("orders."))


def test_the_names_of_the_rows_are_their_keys() -> None:
    assert all(name == row.name for name, row in ENDPOINTS.items())


def test_an_undocumented_path_is_asked_for() -> None:
    with pytest.raises(EndpointNotConfigured, match=r'AsyncClient\(endpoints=\{"orders.process"') as caught:
        require_path(ENDPOINTS["orders.process"])
    assert caught.value.endpoint == "orders.process"


def test_the_callers_own_path_is_used_and_changes_nothing_else() -> None:
    table = resolve({"orders.process": "/orders/process"})
    row = table["orders.process"]
    assert require_path(row) == "/orders/process"
    assert row.spends
    assert not row.repeatable
    assert ENDPOINTS["orders.process"].path is None


@pytest.mark.parametrize("path", ["orders/process", "//evil.example/x", "https://evil.example/", ""])
def test_a_path_cannot_lead_to_another_origin(path: str) -> None:
    with pytest.raises(ConfigurationError, match="must start with one"):
        resolve({"orders.process": path})


def test_a_name_that_is_not_in_the_table_is_refused_with_the_names() -> None:
    with pytest.raises(ConfigurationError, match=r"orders\.process"):
        resolve({"orders.proces": "/x"})
