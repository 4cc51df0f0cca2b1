"""Starting, stopping and starting again."""

from __future__ import annotations

import gc
import json
from contextlib import closing
from http.client import HTTPConnection
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from aiohttp import ClientConnectorError, ClientSession

from cmr_async.simulator import DEMO_USERS, FaultRule, Simulator


async def test_it_listens_on_loopback_at_a_free_port() -> None:
    async with Simulator() as first, Simulator() as second:
        assert first.base_url.startswith("http://127.0.0.1:")
        assert first.base_url.endswith("/api/v1/integration")
        assert first.base_url != second.base_url


async def test_it_can_be_closed_twice_and_started_again_with_its_state() -> None:
    sim = Simulator()
    with pytest.raises(RuntimeError, match="not started"):
        _ = sim.base_url
    await sim.start()
    sim.state.wallet -= 1
    with pytest.raises(RuntimeError, match="running already"):
        await sim.start()
    await sim.close()
    await sim.close()
    async with sim:
        assert sim.state.wallet == 999


async def test_a_taken_port_is_an_os_error() -> None:
    async with Simulator() as sim:
        port = int(sim.base_url.split(":")[2].partition("/")[0])
        with pytest.raises(OSError, match=str(port)):
            await Simulator(port=port).start()


async def test_nothing_listens_after_the_close() -> None:
    async with Simulator() as sim, ClientSession(headers={"cmr-x-api-key": sim.api_key}) as session:
        async with session.get(f"{sim.base_url}/users/list") as answer:
            assert answer.status == 200
        await sim.close()
        with pytest.raises(ClientConnectorError):
            await session.get(f"{sim.base_url}/users/list")


def test_plain_code_runs_it_in_a_thread_that_ends_with_the_block() -> None:
    with Simulator() as sim:
        with urlopen(f"{sim.admin_url}/ledger") as answer:
            assert json.load(answer)["orders"] == 0
        thread = sim._listener.thread
        assert thread is not None
        assert thread.is_alive()
    with pytest.raises(URLError):
        urlopen(f"{sim.admin_url}/ledger")
    assert not thread.is_alive()


def test_an_answer_under_way_at_the_end_of_the_block_leaves_no_complaint(caplog: pytest.LogCaptureFixture) -> None:
    with Simulator() as sim, closing(HTTPConnection(sim.base_url.split("/")[2])) as connection:
        sim.faults.add(FaultRule(kind="stall"))
        connection.request(
            "GET", f"/api/v1/integration/users?userId={DEMO_USERS[0]}", headers={"cmr-x-api-key": sim.api_key}
        )
        while "stall" not in sim.faults.fired:
            pass
    gc.collect()
    assert [record.getMessage() for record in caplog.records] == []


def test_plain_code_is_told_of_a_taken_port_and_left_without_a_thread() -> None:
    with Simulator() as sim:
        port = int(sim.base_url.split(":")[2].partition("/")[0])
        second = Simulator(port=port)
        with pytest.raises(OSError, match=str(port)), second:
            raise AssertionError("it must not start")
        assert second._listener.thread is None


def test_two_simulators_are_never_equal_and_show_their_address_only() -> None:
    first, second = Simulator(api_key="a-secret-key"), Simulator(api_key="a-secret-key")
    assert len({first, second}) == 2
    assert repr(first) == "<Simulator not started>"


async def test_an_address_of_ip_version_6_stands_in_brackets() -> None:
    sim = Simulator(host="::1")
    try:
        await sim.start()
    except OSError:
        pytest.skip("this machine has no loopback of IP version 6")
    assert sim.base_url.startswith("http://[::1]:")
    await sim.close()
