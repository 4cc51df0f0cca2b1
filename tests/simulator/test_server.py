"""Starting, stopping, and running from a command line."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import ClientConnectorError, ClientSession
from aiohttp.test_utils import TestServer

from cmr_async.simulator import API_BASE, DEMO_USERS, Simulator, SimulatorState, application, serve
from cmr_async.simulator.__main__ import main


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


async def test_serve_runs_until_it_is_cancelled() -> None:
    ready: asyncio.Future[Simulator] = asyncio.get_running_loop().create_future()
    running = asyncio.ensure_future(serve(wallet=5, on_ready=ready.set_result))
    sim = await ready
    async with ClientSession(headers={"cmr-x-api-key": sim.api_key}) as session:
        async with session.get(f"{sim.base_url}/users/list") as answer:
            assert answer.status == 200
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        with pytest.raises(ClientConnectorError):
            await session.get(f"{sim.base_url}/users/list")


async def test_the_application_can_be_mounted_without_a_simulator() -> None:
    state = SimulatorState()
    async with TestServer(application(state)) as server, ClientSession() as session:
        headers = {"cmr-x-api-key": state.api_key}
        async with session.get(server.make_url(f"{API_BASE}/users/list"), headers=headers) as answer:
            assert answer.status == 200


def test_the_command_says_how_to_point_a_client_at_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def interrupted(**settings: object) -> None:
        on_ready = settings.pop("on_ready")
        assert callable(on_ready)
        async with Simulator(**settings) as sim:  # type: ignore[arg-type]
            on_ready(sim)
        raise KeyboardInterrupt

    monkeypatch.setattr("cmr_async.simulator.__main__.serve", interrupted)
    assert main(["--port", "0", "--wallet", "25.50", "--rate-limit", "0", "--api-key", "k"]) == 0
    told = capsys.readouterr().out
    assert "export CMR_BASE_URL=http://127.0.0.1:" in told
    assert "export CMR_API_KEY=k\n" in told
    assert all(user_id in told for user_id in DEMO_USERS)


def test_a_wrong_argument_ends_with_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--wallet", "much"], ["--provision-seconds", "9", "1"], ["--time-scale", "0"]):
        with pytest.raises(SystemExit) as caught:
            main(["--port", "0", *arguments])
        assert caught.value.code == 2
    assert "much" in capsys.readouterr().err
