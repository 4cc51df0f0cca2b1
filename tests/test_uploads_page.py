"""The services of `docs/uploads.md` run as they are printed: a preview, faults, and money spent once."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from cmr_async.simulator import DEMO_USERS, Simulator

PAGE = Path(__file__).parents[1] / "docs" / "uploads.md"
USER = DEMO_USERS[0]
TABLE = f"user_id,domain,years\n{USER},one.com,1\n{USER},two.com,1\n".encode()
FAULTY = f"user_id,domain,years\n{USER},one.com,1\n{USER},no domain,1\n".encode()


#: Where to, the upload, and the other fields of the form.
Post = tuple[str, bytes, dict[str, str]]


class Answer(NamedTuple):
    status: int
    content: dict[str, Any]


def section(heading: str) -> dict[str, Any]:
    """Run the program of a section of the page; its names."""
    _, _, rest = PAGE.read_text(encoding="utf-8").partition(f"## {heading}\n")
    program = re.search(r"^```python\n(.*?)^```", rest, re.MULTILINE | re.DOTALL)
    assert program is not None
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(program[1], f"{PAGE}, {heading}", "exec"), names)
    return names


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quick_pace: None) -> Iterator[Simulator]:
    with Simulator() as started:
        monkeypatch.setenv("CMR_API_KEY", started.api_key)
        monkeypatch.setenv("CMR_BASE_URL", started.base_url)
        monkeypatch.chdir(tmp_path)
        yield started


class FastAPIService:
    """The service of the page, and what a browser would send it."""

    def __init__(self) -> None:
        self._names = section("FastAPI")

    def post(self, *posts: Post, name: str = "orders.csv") -> list[Answer]:
        """Post uploads to paths, with the fields of a form, all at the same time."""
        return asyncio.run(self._post(posts, name))

    async def _post(self, posts: tuple[Post, ...], name: str) -> list[Answer]:
        app = self._names["app"]
        transport = httpx.ASGITransport(app)
        async with (
            self._names["lifespan"](app),
            httpx.AsyncClient(transport=transport, base_url="http://service") as web,
        ):
            answers = await asyncio.gather(
                *(web.post(path, data=form, files={"orders": (name, content)}) for path, content, form in posts)
            )
        return [Answer(answer.status_code, answer.json()) for answer in answers]


class DjangoService:
    """The views of the page, and what a browser would send them."""

    def __init__(self) -> None:
        settings = pytest.importorskip("django.conf").settings
        self._requests = pytest.importorskip("django.test").RequestFactory()
        self._file = pytest.importorskip("django.core.files.uploadedfile").SimpleUploadedFile
        if not settings.configured:
            settings.configure(DEFAULT_CHARSET="utf-8")
        names = section("Django")
        self._views = {"/plan": names["preview"], "/orders": names["submit"]}

    def post(self, *posts: Post, name: str = "orders.csv") -> list[Answer]:
        """Post uploads to paths, with the fields of a form, all at the same time."""
        with ThreadPoolExecutor() as threads:
            return list(threads.map(self._post, posts, [name] * len(posts)))

    def _post(self, post: Post, name: str) -> Answer:
        path, content, form = post
        with closing(self._requests.post(path, {"orders": self._file(name, content), **form})) as request:
            answer = self._views[path](request)
        return Answer(answer.status_code, json.loads(answer.content))


Service = FastAPIService | DjangoService


@pytest.fixture(params=[FastAPIService, DjangoService])
def service(request: pytest.FixtureRequest, simulator: Simulator) -> Service:
    made: Service = request.param()
    return made


def test_a_preview_shows_the_plan_and_sends_nothing(service: Service, simulator: Simulator, tmp_path: Path) -> None:
    (answer,) = service.post(("/plan", TABLE, {}))
    assert answer.status == 200
    shown = {key: answer.content[key] for key in ("orders", "cost", "refusal", "faults")}
    assert shown == {"orders": 2, "cost": "31.76", "refusal": None, "faults": []}
    assert len(simulator.state.orders) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_preview_shows_faults_with_their_places(service: Service) -> None:
    (answer,) = service.post(("/plan", FAULTY, {}))
    assert (answer.status, answer.content["refusal"]) == (200, "1 fault in orders.csv")
    assert [(fault["row"], fault["column"]) for fault in answer.content["faults"]] == [(3, "domain")]


def test_what_is_no_file_of_orders_is_refused(service: Service) -> None:
    (answer,) = service.post(("/plan", b"\x89PNG\r\n\x1a\n\0\0", {}), name="photo.png")
    assert answer.status == 422
    assert "photo.png" in next(iter(answer.content.values()))


def test_the_limits_of_the_service_hold(service: Service) -> None:
    (answer,) = service.post(("/plan", TABLE + b"\n" * 10_000_000, {}))
    assert answer.status == 422
    assert "orders.csv holds more than 10,000,000 bytes" in next(iter(answer.content.values()))


def test_an_upload_that_is_posted_twice_buys_once(service: Service, simulator: Simulator) -> None:
    (first,) = service.post(("/orders", TABLE, {"cost": "31.76"}))
    (second,) = service.post(("/orders", TABLE, {"cost": "0"}))
    for answer, state in ((first, "accepted"), (second, "skipped")):
        assert (answer.status, answer.content["stopped"]) == (200, None)
        found = sorted((row["row"], row["domains"], row["state"]) for row in answer.content["results"])
        assert found == [(2, "one.com", state), (3, "two.com", state)]
    assert [order.purchase is not None for order in simulator.state.orders.values()] == [True, True]


def test_an_upload_that_is_posted_twice_at_once_buys_once(service: Service, simulator: Simulator) -> None:
    answers = service.post(*[("/orders", TABLE, {"cost": "31.76"})] * 2)
    assert [answer.status for answer in answers] == [200, 200]
    states = [row["state"] for answer in answers for row in answer.content["results"]]
    assert states.count("accepted") == 2
    assert len(simulator.state.orders) == 2


@pytest.mark.parametrize(("content", "cost"), [(FAULTY, "100"), (TABLE, "31.75")])
def test_faults_and_a_higher_cost_send_nothing(
    service: Service, simulator: Simulator, content: bytes, cost: str
) -> None:
    (answer,) = service.post(("/orders", content, {"cost": cost}))
    assert answer.status == 409
    assert len(simulator.state.orders) == 0


def test_a_large_upload_which_is_kept_on_disk_is_read_from_there(service: Service) -> None:
    rows = (f"{USER},example{number}.com,1{' ' * 30_000}\n" for number in range(100))
    content = "user_id,domain,years\n" + "".join(rows)
    (answer,) = service.post(("/plan", content.encode(), {}))
    assert (answer.status, answer.content["refusal"], answer.content["orders"]) == (200, None, 100)
