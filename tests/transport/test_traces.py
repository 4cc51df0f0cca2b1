"""What the traces see of real requests."""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp

from cmr_async.core.exchange import Phase
from cmr_async.core.redact import Redactor
from cmr_async.transport.attempt import Attempt
from cmr_async.transport.traces import watch_answers, watch_attempts
from tests.loopback import Loopback


async def test_an_attempt_learns_that_its_head_goes_out() -> None:
    phases: list[Phase] = []
    attempt = Attempt(1.0, Redactor(), lambda: phases.append(attempt.phase))
    attempt.phase = Phase.HEAD_SENT
    async with Loopback() as server, aiohttp.ClientSession(trace_configs=[watch_attempts()]) as session:
        response = await session.get(server.base_url, trace_request_ctx=attempt)
        await response.read()
    assert phases == [Phase.NOT_SENT]
    assert attempt.phase is Phase.HEAD_SENT


async def test_requests_without_an_attempt_are_left_alone() -> None:
    async with Loopback() as server, aiohttp.ClientSession(trace_configs=[watch_attempts()]) as session:
        response = await session.get(server.base_url, trace_request_ctx="something of the caller's")
        assert await response.read()


async def test_the_headers_of_each_answer_are_shown() -> None:
    seen: list[Mapping[str, str]] = []
    async with Loopback() as server, aiohttp.ClientSession(trace_configs=[watch_answers(seen.append)]) as session:
        bodies = [await (await session.get(server.base_url)).read() for _ in range(2)]
    assert [headers["Content-Length"] for headers in seen] == [str(len(body)) for body in bodies]
