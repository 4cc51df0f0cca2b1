"""Headers are found in what aiohttp, Starlette, Flask, Django and plain programs have."""

from __future__ import annotations

from email.message import Message
from typing import Any

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from cmr_async.webhooks.headers import find_headers

NAMES = ("x-one", "x-two")


class Hostile:
    """Raises whatever it is asked."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


def message() -> Message:
    made = Message()
    made["X-One"], made["X-Two"] = "1", "2"
    return made


@pytest.mark.parametrize(
    "headers",
    [
        {"x-one": "1", "x-two": "2"},
        {"X-ONE": "1", "X-Two": " 2 "},
        {"x-one": "1", "X-Two": "2"},
        {b"X-One": b"1", b"x-two": b"2"},
        [("X-One", "1"), ("other", "3"), ("x-two", "2")],
        [(b"x-one", b"1"), (b"x-two", b"2"), (b"x-two", b"3")],
        CIMultiDictProxy(CIMultiDict([("X-One", "1"), ("X-Two", "2"), ("X-Two", "3")])),
        message(),
    ],
    ids=lambda headers: type(headers).__name__,
)
def test_values_are_found_whatever_holds_them(headers: Any) -> None:
    assert find_headers(headers, NAMES) == ["1", "2"]


def test_values_are_found_in_starlette() -> None:
    starlette = pytest.importorskip("starlette.datastructures")
    assert find_headers(starlette.Headers({"X-One": "1", "X-Two": "2"}), NAMES) == ["1", "2"]


def test_values_are_found_in_flask() -> None:
    werkzeug = pytest.importorskip("werkzeug.datastructures")
    assert find_headers(werkzeug.EnvironHeaders({"HTTP_X_ONE": "1", "HTTP_X_TWO": "2"}), NAMES) == ["1", "2"]


def test_values_are_found_in_django() -> None:
    django = pytest.importorskip("django.http.request")
    assert find_headers(django.HttpHeaders({"HTTP_X_ONE": "1", "HTTP_X_TWO": "2"}), NAMES) == ["1", "2"]


def test_what_is_missing_is_empty() -> None:
    assert find_headers({"x-two": "2"}, NAMES) == ["", "2"]
    assert find_headers([], NAMES) == ["", ""]


def test_bytes_of_any_value_are_text() -> None:
    assert find_headers([(b"x-one", b"\xff"), (b"\xe9", b"")], NAMES) == ["\xff", ""]


@pytest.mark.parametrize("headers", [None, 5, "text", b"bytes", [5], [("x-one",)], {"x-one": 5}, {5: "x"}])
def test_what_is_no_headers_is_none(headers: Any) -> None:
    assert find_headers(headers, NAMES) is None


def test_an_object_that_raises_is_no_headers() -> None:
    assert find_headers(Hostile(), NAMES) is None
