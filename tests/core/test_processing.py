"""Where the ids of "Process the Order" go, as the caller sets it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from cmr_async.core.processing import ProcessEndpoint, place_ids
from cmr_async.errors import ConfigurationError, ValidationError


def placed(**settings: Any) -> tuple[str, dict[str, str | None], Any]:
    path, query, body = place_ids(ProcessEndpoint(**{"path": "/run", **settings}), order_id="O 1", user_id="U1")
    return path, query, None if body is None else orjson.loads(body)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ("/run", {"userId": "U1"}, {"orderId": "O 1"})),
        ({"order_id_in": "query"}, ("/run", {"orderId": "O 1", "userId": "U1"}, None)),
        ({"user_id_in": "body"}, ("/run", {}, {"orderId": "O 1", "userId": "U1"})),
        ({"user_id_in": "nowhere"}, ("/run", {}, {"orderId": "O 1"})),
        ({"path": "/o/{orderId}/run", "order_id_in": "path"}, ("/o/O 1/run", {"userId": "U1"}, None)),
        ({"path": "/o/{orderId}:run", "order_id_in": "path"}, ("/o/O 1:run", {"userId": "U1"}, None)),
        (
            {"path": "/u/{userId}/o/{orderId}", "order_id_in": "path", "user_id_in": "path"},
            ("/u/U1/o/O 1", {}, None),
        ),
    ],
)
def test_each_id_goes_where_it_was_set(settings: dict[str, Any], expected: object) -> None:
    assert placed(**settings) == expected


@pytest.mark.parametrize(
    ("path", "order_id_in", "user_id_in"),
    [("/run", "body", "query"), ("/o/{orderId}", "path", "query"), ("/u/{userId}", "body", "path")],
)
def test_a_plain_path_says_by_itself_which_ids_stand_in_it(path: str, order_id_in: Any, user_id_in: Any) -> None:
    assert ProcessEndpoint.at(path) == ProcessEndpoint(path=path, order_id_in=order_id_in, user_id_in=user_id_in)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"path": "run"}, "must start with one '/': got 'run'"),
        ({"path": "//other.example/run"}, "must start with one '/'"),
        ({"path": "/o/{orderID}/run"}, "cannot have '{orderID}': it is a plain path, without a query, in which"),
        ({"path": "/o/:orderId/run"}, "cannot have ':'"),
        ({"path": "/run?id=1"}, "cannot have '?'"),
        ({"path": "/run#now"}, "cannot have '#'"),
        ({"path": "/run now"}, "cannot have ' '"),
        ({"path": "/run\n"}, "cannot have"),
        ({"path": "/o/{orderId}/{order_id}", "order_id_in": "path"}, "cannot have '{order_id}'"),
        ({"order_id_in": "header"}, "order_id_in of orders.process is one of body, query, path, not 'header'"),
        ({"user_id_in": "header"}, "user_id_in of orders.process is one of query, body, path, nowhere, not 'header'"),
        ({"order_id_in": "path"}, "has {orderId} exactly when order_id_in is 'path'"),
        ({"path": "/o/{orderId}"}, "has {orderId} exactly when order_id_in is 'path'"),
        ({"user_id_in": "path"}, "has {userId} exactly when user_id_in is 'path'"),
    ],
)
def test_places_that_contradict_each_other_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        placed(**settings)
    assert message in str(caught.value)


@pytest.mark.parametrize("order_id", ["a/b", "..", ".", ""])
def test_an_id_that_would_change_the_path_is_refused(order_id: str) -> None:
    with pytest.raises(ValidationError, match="orderId: cannot stand in the path"):
        place_ids(ProcessEndpoint.at("/o/{orderId}/run"), order_id=order_id, user_id="U1")


@pytest.mark.parametrize("path", [5, None, b"/run", ["/run"]])
def test_a_path_of_another_type_is_refused(path: Any) -> None:
    for make in (ProcessEndpoint.at, lambda one: ProcessEndpoint(path=one)):
        with pytest.raises(ConfigurationError, match=r"The path of orders\.process must start with one '/': got"):
            make(path)
