"""A delivery is sent as it is, and what becomes of it is a value."""

from __future__ import annotations

import asyncio

import pytest

from cmr_async.cli.webhooks.sending import opened_sender
from cmr_async.errors import ConfigurationError


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("ftp://one.com", "--to must be a URL with a usable host, like "),
        ("one.com/webhooks", "--to must be a URL with a usable host, like "),
        ("http://one.com:99999/", "--to must be a URL with a usable host, like "),
        (f"https://{'a' * 80}.com/", "--to must be a URL with a usable host"),
        ("https://xn--/", "--to must be a URL with a usable host"),
        ("https://..example.invalid/", "--to must be a URL with a usable host"),
        ("https://a\udcff.com/", "--to must be a URL with a usable host"),
        ("http://one.com/", "http://one.com would show the passwords of events"),
    ],
)
async def test_a_wrong_target_is_refused(target: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        async with opened_sender(target, option="--to"):
            raise AssertionError  # pragma: no cover - it is not reached


async def test_plain_http_to_another_machine_can_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMR_PLAIN_HTTP", "1")
    async with opened_sender("http://app:8000/webhooks", option="--to") as sender:
        assert str(sender.url) == "http://app:8000/webhooks"


async def test_nobody_listens(unused_tcp_port: int) -> None:
    async with opened_sender(f"http://127.0.0.1:{unused_tcp_port}/", option="--to") as sender:
        sent = await sender.send(b"{}", {})
    assert (sent.status, sent.is_taken) == (None, False)
    assert sent.error is not None
    assert sent.error.startswith("cannot be reached (")


async def test_a_connection_that_breaks() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with opened_sender(f"http://127.0.0.1:{port}/?token=secret", option="--to") as sender:
            sent = await sender.send(b"{}", {})
    assert (sent.status, sent.error) == (None, "the connection broke (ServerDisconnectedError)")


async def test_a_redirect_is_an_answer_like_any_other() -> None:
    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(redirect, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with opened_sender(f"http://127.0.0.1:{port}/", option="--to") as sender:
            sent = await sender.send(b"{}", {})
    assert (sent.status, sent.is_taken) == (307, False)


@pytest.mark.parametrize(
    "target", ["https://bücher.example/", "https://xn--bcher-kva.example./", "https://[::1]:8000/"]
)
async def test_every_host_that_can_be_looked_up_is_a_target(target: str) -> None:
    async with opened_sender(target, option="--to") as sender:
        assert sender.url.raw_host in {"xn--bcher-kva.example", "xn--bcher-kva.example.", "::1"}
