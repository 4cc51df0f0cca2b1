"""Which texts are JSON objects that may be walked through."""

from __future__ import annotations

import pytest

from cmr_async.core.json_object import DEEPEST, MOST_VALUES, read_json_object


def nested(levels: int) -> bytes:
    return b'{"a":' * (levels - 1) + b"{}" + b"}" * (levels - 1)


def test_an_object_is_read() -> None:
    assert read_json_object(b' {"a": [1, {"b": null}]} ') == {"a": [1, {"b": None}]}


@pytest.mark.parametrize("text", [b"", b"[]", b"1", b"null", b'"a"', b"{", b"{'a': 1}", b'{"a": NaN}', b"\xff{}"])
def test_anything_else_is_none(text: bytes) -> None:
    assert read_json_object(text) is None


def test_an_object_may_be_nested_64_levels_deep() -> None:
    assert DEEPEST == 64
    assert read_json_object(nested(64)) is not None
    assert read_json_object(nested(65)) is None
    assert read_json_object(nested(100_000)) is None


def test_an_object_may_hold_half_a_million_values() -> None:
    assert MOST_VALUES == 500_000
    assert read_json_object(b'{"a":[' + b"0," * 499_000 + b"0]}") is not None
    assert read_json_object(b'{"a":[' + b"0," * 500_001 + b"0]}") is None
