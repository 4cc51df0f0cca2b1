"""The simulator from the command line: its options, what it says, and its exit codes."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
from decimal import Decimal

import attrs
import pytest

from cmr_async.simulator import DEMO_USERS, Settings, Simulator
from cmr_async.simulator.__main__ import main
from cmr_async.simulator.http.server import EXPOSED


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Simulator]:
    """Collect the simulators that commands start; Ctrl-C follows as soon as one listens."""
    simulators: list[Simulator] = []
    start = Simulator.start

    async def start_and_interrupt(sim: Simulator) -> None:
        await start(sim)
        simulators.append(sim)
        asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)

    monkeypatch.setattr(Simulator, "start", start_and_interrupt)
    return simulators


def test_it_says_how_to_point_a_client_at_it(started: list[Simulator], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "0", "--api-key", "k"]) == 0
    base_url = started[0].base_url
    admin_url = base_url.replace("/api/v1/integration", "/_simulator")
    assert capsys.readouterr().out.splitlines() == [
        f"CMR simulator at {base_url}",
        "Users:",
        *(f"  {user_id}" for user_id in DEMO_USERS),
        "Point the client at it:",
        f"  export CMR_BASE_URL={base_url}",
        "  export CMR_API_KEY=k",
        f"Ledger: {admin_url}/ledger   requests: {admin_url}/requests",
        "Stop with Ctrl-C.",
    ]


def test_an_option_that_is_not_given_leaves_the_default_of_the_setting(started: list[Simulator]) -> None:
    assert main(["--port", "0"]) == 0
    names = [field.name for field in attrs.fields(Settings) if field.name not in {"clock", "api_key"}]
    assert [getattr(started[0], name) for name in names] == [getattr(Settings(), name) for name in names]


def test_every_option_sets_its_setting(started: list[Simulator]) -> None:
    options = (
        "--host 127.0.0.1 --port 0 --wallet 25.50 --api-key k --rate-limit 0 --seed 7 --provision-seconds 1 2.5 "
        "--time-scale 10 --user U1 --user U2 --generation 2026-02 --duplicate-domains unavailable "
        "--failing-domain A.com --failing-domain b.com --process-path /run --strict --workspace C.com "
        "--failing-mailboxes D.com --webhook-url http://127.0.0.1:9/hook --webhook-envelopes help-centre "
        "--webhook-duplicates 0.5 --webhook-shuffle 20 --webhook-losses 0.25"
    )
    assert main(options.split()) == 0
    (sim,) = started
    assert (sim.host, sim.port, sim.wallet, sim.api_key) == ("127.0.0.1", 0, Decimal("25.50"), "k")
    assert (sim.rate_limit, sim.seed, sim.provision_seconds, sim.time_scale) == (None, 7, (1.0, 2.5), 10.0)
    assert (sim.users, sim.generation, sim.duplicate_domains) == (("U1", "U2"), "2026-02", "unavailable")
    assert sim.failing_domains == {"a.com", "b.com"}
    assert sim.endpoints == {"orders.process": "/run"}
    assert (sim.strict, *sim.workspaces, *sim.failing_mailboxes) == (True, "c.com", "d.com")
    assert (sim.webhook_url, sim.webhook_envelopes) == ("http://127.0.0.1:9/hook", "help-centre")
    assert (sim.webhook_duplicates, sim.webhook_shuffle, sim.webhook_losses) == (0.5, 20.0, 0.25)


def test_orders_and_answers_are_lost_on_request(started: list[Simulator]) -> None:
    assert main(["--port", "0", "--lost-answers", "2", "--lost-orders", "1"]) == 0
    faults = [(fault.kind, fault.path, fault.times, fault.after_processing) for fault in started[0].faults.waiting]
    assert faults == [
        ("close_before_answer", "/orders/json", 1, False),
        ("close_before_answer", "/orders/json", 2, True),
    ]


def test_a_rate_limit_is_a_number_of_requests(started: list[Simulator]) -> None:
    assert main(["--port", "0", "--rate-limit", "3"]) == 0
    assert started[0].rate_limit == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--wallet", "much"], "wallet must be an amount of dollars: got 'much'"),
        (["--provision-seconds", "9", "1"], "provision_seconds must be (shortest, longest)"),
        (["--time-scale", "0"], "'time_scale' must be > 0"),
        (["--rate-limit", "-1"], "rate_limit must be at least 1"),
        (["--rate-limit", "five"], "argument --rate-limit"),
        (["--lost-orders", "-1"], "argument --lost-orders"),
        (["--generation", "2027-01"], "invalid choice: '2027-01'"),
        (["--process-path", "run"], "must begin with a slash"),
    ],
)
def test_a_wrong_argument_ends_with_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--port", "0", *arguments])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_the_random_key_is_told(started: list[Simulator], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "0"]) == 0
    assert f"  export CMR_API_KEY={started[0].api_key}\n" in capsys.readouterr().out


def test_an_address_that_others_reach_is_warned_of(
    started: list[Simulator], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--host", "0.0.0.0", "--port", "0"]) == 0
    assert capsys.readouterr().err == f"warning: 0.0.0.0: {EXPOSED}\n"
    assert EXPOSED == "other machines may reach it, and whoever does can read its ledger and counts without a key."
    assert main(["--port", "0"]) == 0
    assert capsys.readouterr().err == ""


def test_a_taken_port_ends_with_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 1
    assert capsys.readouterr().err.startswith(f"cannot listen on 127.0.0.1:{port}: ")


def test_the_help_names_the_program_as_it_was_called(capsys: pytest.CaptureFixture[str]) -> None:
    for prog in ("cmr simulator", "python -m cmr_async.simulator"):
        with pytest.raises(SystemExit) as caught:
            main(["--help"], prog=prog)
        assert caught.value.code == 0
        assert capsys.readouterr().out.startswith(f"usage: {prog} ")


def test_the_help_shows_the_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = re.findall(r"\(default:\s+([^)]*)\)", capsys.readouterr().out)
    assert [" ".join(words.split()) for words in shown] == [
        "127.0.0.1", "8080", "1000", "a random one", "5", "0", "10 90", "1", "three demo users", "2026-06", "allow",
        "none", "none", "none", "0", "0", "none are sent", "documentation", "0", "0", "0", "/orders/process",
    ]  # fmt: skip
