"""Commands that ask the API one question: they show the answer as it comes, without secrets."""

from __future__ import annotations

import orjson
import pytest

from cmr_async.models import Envelope
from cmr_async.resources.users import Users
from cmr_async.simulator import DEMO_USERS, Simulator
from tests.cli.conftest import Cmr, Start


@pytest.fixture
def simulator(start_simulator: Start) -> Simulator:
    return start_simulator(rate_limit=None, workspaces=["taken.com"])


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        (("users", "get", DEMO_USERS[0]), "users.get"),
        (("domains", "list", "--user-id", DEMO_USERS[0]), "domains.by_user"),
        (("subscriptions", "list", "--page", "1", "--limit", "10"), "subscriptions.list"),
    ],
)
def test_an_answer_is_shown_for_people_and_as_json(
    arguments: tuple[str, ...], call: str, simulator: Simulator, cmr: Cmr
) -> None:
    shown = cmr(*arguments)
    assert shown.exit_code == 0
    answer = orjson.loads(cmr(*arguments, "--json").stdout)
    assert (answer["type"], answer["call"], answer["status"]) == ("answer", call, 200)
    assert orjson.loads(shown.stdout) == answer["data"]
    assert shown.stderr == f"{answer['message']}\n"


def test_what_an_answer_without_data_says_is_the_result(simulator: Simulator, cmr: Cmr) -> None:
    command = ("domains", "has-workspace", "free.com", "--service-provider", "GOOGLE")
    shown = cmr(*command)
    assert (shown.exit_code, shown.stdout, shown.stderr) == (0, "Workspace not exists\n", "")
    answer = orjson.loads(cmr(*command, "--json").stdout)
    assert (answer["call"], answer["message"], answer["data"]) == (
        "domains.has_workspace",
        "Workspace not exists",
        None,
    )


def test_the_status_of_an_order(simulator: Simulator, cmr: Cmr) -> None:
    orders = f"user_id,domain\n{DEMO_USERS[0]},one.com\n"
    assert cmr("orders", "submit", "-", text=orders).exit_code == 0
    (order_id,) = simulator.state.orders
    result = cmr("orders", "status", order_id, "--user-id", DEMO_USERS[0], "--json")
    assert orjson.loads(result.stdout)["call"] == "orders.status"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("users", "get", "NOBODY"), 1),
        (("domains", "has-workspace", "taken.com"), 1),
        (("domains", "has-workspace", "no domain"), 2),
        (("users", "get"), 2),
    ],
)
def test_a_refusal_and_a_wrong_call_have_codes_of_their_own(
    arguments: tuple[str, ...], code: int, simulator: Simulator, cmr: Cmr
) -> None:
    result = cmr(*arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr


def test_without_a_key_nothing_is_asked(cmr: Cmr) -> None:
    result = cmr("users", "get", "U")
    assert result.exit_code == 2
    assert "no API key" in result.stderr


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_secrets_of_an_answer_are_masked(
    options: tuple[str, ...], simulator: Simulator, cmr: Cmr, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def get(self: Users, user_id: str) -> Envelope:
        return Envelope(
            status=200, data={"mailboxes": [{"password": "hunter2", "appPassword": "h3"}], "name": "\x1b[2J"}
        )

    monkeypatch.setattr(Users, "get", get)
    shown = cmr("users", "get", "U", *options).stdout
    data = orjson.loads(shown)
    data = data["data"] if options else data
    assert data == {"mailboxes": [{"password": "***", "appPassword": "***"}], "name": "\x1b[2J"}
    assert "\x1b" not in shown
