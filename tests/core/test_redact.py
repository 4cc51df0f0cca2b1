"""No secret is left in what is kept or shown."""

from __future__ import annotations

import html
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmr_async.core.redact import Redactor, names_a_secret

KEY = "sk-L1ve/Key+42&x"
PASSWORD = "hunter2/x"


def _all(form: str) -> str:
    return "".join(form.format(char, ord(char)) for char in KEY)


@pytest.mark.parametrize(
    "form",
    [
        KEY,
        KEY.upper(),
        _all("\\u{1:04x}"),
        _all("\\u{1:04X}"),
        _all("\\\\u{1:04x}"),
        _all("\\x{1:02x}"),
        _all("&#{1};"),
        _all("&#x{1:X};"),
        _all("&amp;#{1:05};"),
        _all("%{1:02X}"),
        _all("%25{1:02x}"),
        html.escape(KEY),
        html.escape(html.escape(KEY)),
        quote(KEY, safe=""),
        KEY.replace("/", "\\/"),
        json.dumps(json.dumps(KEY.replace("&", "\\u0026").replace("/", "\\/"))),
        f"\\u0073{KEY[1:]}",
    ],
)
def test_the_key_is_masked_in_every_form(form: str) -> None:
    redact = Redactor(KEY)
    shown = redact.text(f"bad key {form}!")
    assert shown.replace('\\"', "").replace('"', "").replace("\\", "") == "bad key ***!"
    assert redact.excerpt(f'{{"message": "bad key {form.replace(chr(34), chr(39))}!"'.encode(), 300).count("***") == 1


def test_the_key_is_masked_after_decoding_as_well() -> None:
    body = b'{"message": "bad key \\u0073k-L1ve\\/Key+42&x", "n": [1, {"a sk-L1ve/Key+42&x": null}]}'
    said = Redactor(KEY).without_key(json.loads(body), body)
    assert said == {"message": "bad key ***", "n": [1, {"a ***": None}]}


def test_a_short_key_is_masked_as_it_is_written() -> None:
    assert Redactor("key").text("Invalid API Key: key, \\u006Bey") == "Invalid API Key: ***, ***"


def test_an_answer_that_cannot_hold_the_key_is_not_even_copied() -> None:
    body = b'{"message": "fine", "data": {"password": "p"}}'
    value = json.loads(body)
    assert Redactor(KEY).without_key(value, body) is value
    assert Redactor().without_key(value, body + KEY.encode()) is value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at https://user:pa/ss@host/x", "at https://***@host/x"),
        ("postgresql://u:p@ss@host/db?sslpassword=pw&x=1", "postgresql://***@host/db?sslpassword=***&x=1"),
        ("https://token@host/", "https://***@host/"),
        ("host=h password=pw user=u", "host=h password=*** user=u"),
        ("?api_key=pw;access-key=pw2,client_secret = pw3", "?api_key=***;access-key=***,client_secret = ***"),
        ('{"appPassword": "pw", "x": 1', '{"appPassword": "***", "x": 1'),
        ('{"PASSWORD": 12345}', '{"PASSWORD": "***"}'),
        ('{"mailbox password":"p\\"w', '{"mailbox password":"***"'),
        ('{"passwords": ["pw", "pw2"], "x": 1', '{"passwords": "***"'),
        ("{'password': 'pw', 'token': None}", "{'password': \"***\", 'token': None}"),
        ('"{\\"password\\": \\"pw\\"}"', '"{\\"password\\": "***"}"'),
        ("https://host/a?b=c@d", "https://host/a?b=c@d"),
        ("The password must have 8 characters.", "The password must have 8 characters."),
        (
            '{"compass": "north", "password": null}',
            '{"compass": "north", "password": null}',
        ),
    ],
)
def test_passwords_are_masked_in_text(text: str, shown: str) -> None:
    assert Redactor().text(text) == shown


def test_fields_that_hold_secrets_are_masked_by_their_names() -> None:
    value = {
        "email": "a@b.com",
        "password": PASSWORD,
        "appPassword": ["x"],
        "authenticatorSecret": {"x": 1},
        "isPasswordSet": True,
        "token": None,
        "rows": [{"access_token": 5, "note": f"https://me:{PASSWORD}@host"}],
    }
    assert Redactor().value(value) == {
        "email": "a@b.com",
        "password": "***",
        "appPassword": "***",
        "authenticatorSecret": "***",
        "isPasswordSet": True,
        "token": None,
        "rows": [{"access_token": "***", "note": "https://***@host"}],
    }
    assert not names_a_secret("message")


def test_an_excerpt_is_redacted_before_it_is_cut() -> None:
    body = b"x" * 290 + KEY.encode() + b"y" * 100
    assert Redactor(KEY).excerpt(body, 300) == "x" * 290 + "***yyyyyyy"
    assert Redactor(KEY).excerpt(b'{"a\\u0022": 1, "pass\\u0077ord": "hunter2", "b": "\xc3\xa9', 300) == (
        '{"a\\u0022": 1, "password": "***", "b": "\u00e9'
    )


@pytest.mark.parametrize(
    "body",
    [b"\\" * 65_536, b"//a:" * 16_384, b'"token' * 10_000, b"token" * 13_000, b"&amp;" * 13_000, b'"token":"' * 7_000],
    ids=lambda body: body[:9].decode(),
)
@pytest.mark.timeout(20)
def test_a_text_that_was_made_to_be_slow_is_not(body: bytes) -> None:
    assert len(Redactor(KEY).excerpt(body, 300)) <= 300


def _escapes(char: str) -> st.SearchStrategy[str]:
    code = ord(char)
    forms = [
        char,
        f"\\u{code:04x}",
        f"\\\\u{code:04X}",
        f"%{code:02X}",
        f"%25{code:02x}",
        f"&#{code};",
        f"&#x{code:x};",
    ]
    return st.sampled_from([*forms, html.escape(char), json.dumps(char)[1:-1]])


@given(st.data(), st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=8, max_size=40))
def test_no_mixture_of_escapes_saves_the_key(data: st.DataObject, key: str) -> None:
    escaped = "".join(data.draw(_escapes(char)) for char in key)
    assert Redactor(key).text(f"<{escaped}>").count("***") >= 1
    assert key not in html.unescape(Redactor(key).excerpt(f'{{"x": "{escaped}'.encode(), 300))


@given(st.binary(max_size=200))
def test_any_answer_has_an_excerpt(body: bytes) -> None:
    assert len(Redactor("some-key-or-other").excerpt(body, 50)) <= 50
