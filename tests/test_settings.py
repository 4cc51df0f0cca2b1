"""Settings that are wrong or weaken the key are refused before anything is opened, and nothing shows their values."""

from __future__ import annotations

import asyncio
import ssl
import traceback
import warnings
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from rich.console import Console
from rich.traceback import Traceback

from cmr_async import AsyncClient, Client, CMRError, ConfigurationError, NotSentError, RetryPolicy, Timeouts, settings
from cmr_async.errors import InvalidResponseError, OutcomeUnknownError
from tests.fakes import USER, make_order
from tests.loopback import ACCEPTED, Act, Loopback, answer, close_after_reading, envelope

SECRET = "s3cret-that-must-never-show"
LONG = f"{SECRET}{'x' * 100}"  # rich cuts long text itself, and asks no repr then
API = "https://api.example/v1"
PAID = make_order("acme-outreach")
BOTH = pytest.mark.parametrize("kind", [AsyncClient, Client])


class Sealed:
    """Stands for pydantic's `SecretStr`."""

    def __init__(self, text: Any) -> None:
        self._text = text

    def __str__(self) -> str:
        return "**********"

    def get_secret_value(self) -> Any:
        return self._text


# Nothing shows what was given

WRONG: dict[str, dict[str, Any]] = {
    "gap": {"gap": -1},
    "key": {"api_key": f"{SECRET} two"},
    "key as bytes": {"api_key": SECRET.encode()},
    "base URL with a password": {"base_url": f"https://me:{SECRET}@host/"},
    "base URL that cannot be read": {"base_url": f"https://[{SECRET}"},
    "base URL of another type": {"base_url": [SECRET]},
    "key header": {"key_header": f"{SECRET}\r\n"},
    "header": {"headers": {"X-Token": f"{SECRET}\n"}},
    "headers": {"headers": [SECRET]},
    "proxy": {"proxy": f"http//me:{SECRET}@host"},
    "proxy headers": {"proxy_headers": {"X-Token": f"{SECRET}\n"}},
    "endpoint": {"endpoints": {"orders.no": "/x"}},
    "retry": {"retry": 5},
    "trace": {"trace_configs": [5]},
}


@BOTH
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_no_traceback_with_locals_shows_what_a_client_was_given(kind: Any, wrong: dict[str, Any]) -> None:
    given = {
        "api_key": LONG,
        "base_url": API,
        "headers": {"X-Token": SECRET},
        "proxy": f"http://me:{SECRET}@host:1",
        "proxy_headers": {"X-Token": SECRET},
    }
    caught = None
    try:
        kind(**(given | wrong))
    except ConfigurationError as error:
        caught = error
    assert caught is not None
    del given, wrong  # the locals of this test are its own
    shown = shown_with_locals(caught)
    assert "ConfigurationError" in shown
    assert SECRET not in shown
    assert (caught.__cause__, caught.__context__) == (None, None)


def shown_with_locals(error: BaseException) -> str:
    plain = traceback.TracebackException.from_exception(error, capture_locals=True).format()
    console = Console(width=200, file=StringIO())
    console.print(Traceback.from_exception(type(error), error, error.__traceback__, show_locals=True))
    assert isinstance(console.file, StringIO)
    return "".join(plain) + console.file.getvalue() + str(error)


ANSWERS: dict[str, Act] = {
    "a refusal": answer(401, f'{{"status": 401, "message": "{LONG}", "data": {{"password": "hunter2"}}}}'.encode()),
    "an order in doubt": answer(500, f'{{"key": "{LONG}", "password": "hunter2"}}'.encode()),
    "a connection that broke": close_after_reading,
}


@pytest.mark.parametrize("act", ANSWERS.values(), ids=ANSWERS)
async def test_no_traceback_of_a_call_shows_what_a_client_was_given(act: Act) -> None:
    async with Loopback(act, act, act) as server:  # aiohttp repeats a read whose connection broke
        given: dict[str, Any] = {"headers": {"X-Token": SECRET}, "retry": RetryPolicy(time_budget=0)}
        async with AsyncClient(LONG, server.base_url, gap=0, **given) as client:
            del given
            for call in (client.orders.create(PAID, user_id=USER), client.users.get(USER)):
                with pytest.raises(CMRError) as caught:
                    await call
                shown = shown_with_locals(caught.value)
                assert type(caught.value).__name__ in shown
                assert SECRET not in shown
                assert "hunter2" not in shown


@BOTH
def test_a_client_that_was_not_made_has_a_repr(kind: Any) -> None:
    assert repr(kind.__new__(kind)) == f"<{kind.__name__} not made>"


# The key


@pytest.mark.parametrize("key", [SECRET, Sealed(SECRET), lambda: SECRET, lambda: Sealed(SECRET)])
async def test_a_key_is_text_or_an_object_that_seals_it_or_a_function(key: Any) -> None:
    async with Loopback() as server, AsyncClient(key, server.base_url, gap=0) as client:
        await client.orders.create(PAID, user_id=USER)
        await client.users.get(USER)
        assert [request.headers["cmr-x-api-key"] for request in server.received] == [SECRET, SECRET]


async def _key() -> str:
    return SECRET


@pytest.mark.parametrize(
    "key",
    [SECRET.encode(), bytearray(b"key"), 5, object(), Sealed(b"key"), Sealed(None), lambda: b"key", lambda: None, _key],
)
def test_a_key_of_another_kind_is_refused(key: Any) -> None:
    with pytest.raises(ConfigurationError, match="The API key must be text, an object with get_secret_value"):
        AsyncClient(key, API)


@pytest.mark.parametrize("key", ["", Sealed(""), lambda: ""])
def test_an_empty_key_is_none(key: Any) -> None:
    with pytest.raises(ConfigurationError, match="No API key"):
        AsyncClient(key, API)


def _failing() -> str:
    raise LookupError(SECRET)


def test_a_function_that_fails_is_named_without_its_words() -> None:
    with pytest.raises(ConfigurationError) as caught:
        AsyncClient(_failing, API)
    assert caught.value.message == "The function for the API key failed with LookupError."


async def test_a_key_that_changes_is_asked_for_with_each_request_and_masked() -> None:
    keys = iter(["first-key", "first-key", "second-key", "third-key"])
    body = envelope(200, "hello third-key, no longer second-key")
    async with Loopback(answer(), answer(200, envelope(200)), answer(200, body)) as server:
        async with AsyncClient(lambda: next(keys), server.base_url, gap=0) as client:
            await client.orders.create(PAID, user_id=USER)
            await client.users.get(USER)
            assert (await client.users.get(USER)).message == "hello ***, no longer second-key"
            with pytest.raises(NotSentError) as caught:
                await client.orders.create(PAID, user_id=USER)
        sent = [request.headers["cmr-x-api-key"] for request in server.received]
    assert sent == ["first-key", "second-key", "third-key"]
    assert caught.value.message.endswith("was not sent: The function for the API key failed with StopIteration.")


async def test_a_function_that_returns_no_key_any_more_shows_nothing_of_it() -> None:
    keys = iter([LONG, f"{LONG} with a blank", f"{LONG} with a blank"])
    async with AsyncClient(lambda: next(keys), API, gap=0) as client:
        for call in (client.orders.create(PAID, user_id=USER), client.users.get(USER)):
            with pytest.raises(NotSentError, match="The API key must be printable ASCII") as caught:
                await call
            assert (caught.value.__cause__, caught.value.__context__) == (None, None)
            assert SECRET not in shown_with_locals(caught.value)


# The base URL, headers, proxies and .netrc


@pytest.mark.parametrize("userinfo", ["me:pw@", ":pw@", "me@", "@", ":@"])
def test_a_base_url_holds_no_user_and_no_password(userinfo: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^The base URL must be like .*, without user, password and query\.$"):
        AsyncClient(SECRET, f"https://{userinfo}api.example/v1")


@pytest.mark.parametrize(
    "url", [f"{API}?", f"{API}#x", "https://api.example:0/", "https://api.exa\nmple/", "https:///v1"]
)
def test_a_base_url_is_scheme_host_and_path(url: str) -> None:
    with pytest.raises(ConfigurationError, match="The base URL must be like"):
        AsyncClient(SECRET, url)


@pytest.mark.parametrize("name", ["content-type", "Host", "AUTHORIZATION", "user-agent", "Content-Length", "cookie"])
def test_a_header_with_another_meaning_does_not_carry_the_key(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^key_header: {name.title()} means something else"):
        AsyncClient(SECRET, API, key_header=name)


@pytest.mark.parametrize("name", ["x-key\r\nX-Other", "x key", "x-key:", "ключ", "x" * 101])
def test_a_key_header_is_a_name_of_a_header(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMR_KEY_HEADER", name)
    with pytest.raises(ConfigurationError, match=r"^key_header is no name of a header\.$"):
        AsyncClient(SECRET, API)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:1"])
def test_plain_http_does_not_go_through_a_proxy(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        ConfigurationError, match=r"^proxy: the base URL is plain http, so the proxy would read the key"
    ):
        AsyncClient(SECRET, url, proxy="http://proxy:3128")
    monkeypatch.setenv("http_proxy", "http://me:pw@proxy:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(ConfigurationError, match=r"^The proxy of the environment: the base URL is plain http"):
        AsyncClient(SECRET, url, trust_env=True)
    AsyncClient(SECRET, url)
    AsyncClient(SECRET, url, proxy="http://proxy:3128", allow_plain_http=True)
    monkeypatch.setenv("no_proxy", "localhost,127.0.0.1,::1")
    AsyncClient(SECRET, url, trust_env=True)


async def test_the_environment_names_the_proxy_when_it_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Loopback(answer(403, b"no"), answer(403, b"no")) as proxy:
        monkeypatch.setenv("https_proxy", f"http://me:pw@127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        async with AsyncClient(SECRET, API, trust_env=True, gap=0, retry=RetryPolicy(time_budget=0)) as client:
            with pytest.raises(NotSentError):
                await client.orders.create(PAID, user_id=USER)
        (request,) = proxy.received
        assert (request.method, request.target) == ("CONNECT", "api.example:443")
        assert request.headers["proxy-authorization"] == "Basic bWU6cHc="
        assert SECRET not in str(request.headers)


@pytest.mark.parametrize("proxy", ["proxy:3128", "socks5://proxy", "http://", "http://[", "//proxy"])
def test_a_proxy_is_a_url_of_http(proxy: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^proxy must be a URL like http://user:password@host:port\.$"):
        AsyncClient(SECRET, API, proxy=proxy)


async def test_netrc_is_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("default login me password hunter2\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    async with Loopback() as server, AsyncClient(SECRET, server.base_url, gap=0, trust_env=True) as client:
        await client.orders.create(PAID, user_id=USER)
        await client.users.get(USER)
        assert not [request for request in server.received if "authorization" in request.headers]
    async with aiohttp.ClientSession(trust_env=True) as session:
        with pytest.raises(ConfigurationError, match=r"sends credentials from \.netrc"):
            AsyncClient(SECRET, API, session=session)


# Types and numbers

MISFITS: dict[str, Any] = {
    "base_url": 5,
    "key_header": 5,
    "gap": "1",
    "timeouts": 5,
    "retry": {},
    "endpoints": ["/x"],
    "connector_factory": 5,
    "connector": 5,
    "session": 5,
    "headers": "X: y",
    "proxy": 5,
    "proxy_headers": "X: y",
    "ssl": "no",
    "trust_env": "false",
    "resolver": object(),
    "local_addr": "127.0.0.1",
    "trace_configs": 5,
    "allow_plain_http": 1,
    "max_answer": 1e6,
}


@pytest.mark.parametrize("name", MISFITS)
def test_a_setting_of_the_wrong_type_is_named(name: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{name}\b"):
        AsyncClient(SECRET, **{"base_url": API, name: MISFITS[name]})


@pytest.mark.parametrize("address", [("h",), ("h", "1"), ("h", -1), ("h", True), [("h"), 1], (5, 5)])
def test_an_address_to_connect_from_is_a_host_and_a_port(address: Any) -> None:
    with pytest.raises(ConfigurationError, match="local_addr must be a host and a port"):
        AsyncClient(SECRET, API, local_addr=address)


@pytest.mark.parametrize("seconds", ["5", True, None, [], float("nan"), -1])
def test_a_limit_of_time_is_a_number_of_seconds(seconds: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Timeouts\.read must be more than 0 seconds"):
        Timeouts(read=seconds)
    with pytest.raises(ConfigurationError, match=r"RetryPolicy\.initial must be 0 or more seconds"):
        RetryPolicy(initial=seconds)


async def test_a_limit_of_a_call_is_a_number_of_seconds() -> None:
    async with AsyncClient(SECRET, API) as client:
        wrong: Any = "5"
        with pytest.raises(ConfigurationError, match="timeout must be more than 0 seconds: got '5'"):
            await client.users.get(USER, timeout=wrong)


# Certificates


@pytest.fixture
def _not_warned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "_warned", False)


@pytest.mark.usefixtures("_not_warned")
@BOTH
def test_certificates_that_are_not_checked_are_warned_of_once(kind: Callable[..., Any]) -> None:
    with pytest.warns(UserWarning, match=r"^ssl=False: certificates are not checked"):
        kind(SECRET, API, ssl=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kind(SECRET, API, ssl=False)
        kind(SECRET, API, ssl=ssl.create_default_context())


# The size of answers


async def test_an_answer_beyond_the_limit_leaves_an_order_unknown() -> None:
    async with Loopback(answer(200, ACCEPTED + b" " * 1024)) as server:
        async with AsyncClient(SECRET, server.base_url, gap=0, max_answer=1024) as client:
            with pytest.raises(OutcomeUnknownError, match="more than 1024 bytes"):
                await client.orders.create(PAID, user_id=USER)
        assert len(server.received) == 1


def test_a_read_whose_answer_is_beyond_the_limit_is_not_repeated() -> None:
    async def read(limit: int) -> tuple[CMRError | None, int]:
        body = envelope(200, "m" * 2048)
        async with Loopback(answer(200, body), answer(200, body)) as server:

            def ask() -> CMRError | None:
                with Client(SECRET, server.base_url, gap=0, max_answer=limit) as client:
                    try:
                        client.users.get(USER)
                    except CMRError as error:
                        return error
                return None

            return await asyncio.to_thread(ask), len(server.received)

    error, requests = asyncio.run(read(1024))
    assert isinstance(error, InvalidResponseError)
    assert error.message == (
        f"The request for user {USER} got an answer of more than 1024 bytes. If it is an answer of the API, raise the "
        "client's max_answer."
    )
    assert requests == 1
    assert asyncio.run(read(4096)) == (None, 1)


@pytest.mark.parametrize("size", [0, 1023, True, "5000", 5000.0])
def test_a_limit_of_an_answer_is_a_number_of_bytes(size: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_answer must be a whole number of bytes, 1024 or more"):
        AsyncClient(SECRET, API, max_answer=size)
