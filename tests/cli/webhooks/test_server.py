"""The server hands on bodies as they came, from any path, and no more of them than a webhook may have."""

from __future__ import annotations

import gzip
import io

import aiohttp
import pytest

from cmr_async.cli.webhooks.sending import opened_sender
from cmr_async.cli.webhooks.server import serving
from cmr_async.errors import ConfigurationError
from cmr_async.webhooks.verify import LONGEST_BODY
from tests.cli.webhooks.deliveries import Behind
from tests.webhooks.leaving import leave_in_mid_body


async def test_a_body_comes_as_it_was_sent_whatever_its_path() -> None:
    behind, packed = Behind(202), gzip.compress(b"{}")
    async with (
        serving(behind.take, host="127.0.0.1", port=0) as url,
        opened_sender(f"{url}any/path?token=1", option="--to") as sender,
    ):
        sent = await sender.send(packed, {"Content-Encoding": "gzip", "cmr-x-signature": "s"})
    ((body, headers),) = behind.got
    assert (sent.status, body, headers["Cmr-X-Signature"]) == (202, packed, "s")


async def test_of_an_endless_body_one_byte_too_many_is_handed_on() -> None:
    behind = Behind(413)
    async with (
        serving(behind.take, host="127.0.0.1", port=0) as url,
        aiohttp.ClientSession() as session,
        session.post(url, data=io.BytesIO(b"x" * (LONGEST_BODY + 50_000))) as answer,
    ):
        assert answer.status == 413
    assert [len(body) for body, _ in behind.got] == [LONGEST_BODY + 1]


async def test_a_client_that_leaves_in_the_middle_of_a_body_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    behind = Behind()
    async with (
        serving(behind.take, host="127.0.0.1", port=0) as url,
        opened_sender(url, option="--to") as sender,
    ):
        await leave_in_mid_body(int(url.rstrip("/").rpartition(":")[2]))
        assert (await sender.send(b"the next one", {})).status == 200
    assert [body for body, _ in behind.got] == [b"the next one"]
    assert caplog.messages == []


@pytest.mark.parametrize("host", ["", " "])
async def test_no_address_is_not_every_address(host: str) -> None:
    with pytest.raises(ConfigurationError, match="--host is empty"):
        async with serving(Behind().take, host=host, port=0):
            raise AssertionError  # pragma: no cover - it is not reached


async def test_a_port_that_is_taken_is_named() -> None:
    behind = Behind()
    async with serving(behind.take, host="127.0.0.1", port=0) as url:
        port = int(url.rstrip("/").rpartition(":")[2])
        with pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1:{port}: "):
            async with serving(behind.take, host="127.0.0.1", port=port):
                raise AssertionError  # pragma: no cover - it is not reached
