"""How much of an unknown limit is used, and how much is refused, beside what people would use instead.

    python benchmarks/pace.py [--seconds 120] [--only NAME ...] [--contenders NAME ...] [--at-once 8] [--plot FILE]

A server of its own counts every rolling second of what it lets through, answers 429 with `Retry-After: 1` above the
limit, and may delay each request by up to some milliseconds before it counts it. One or three client processes send
paying orders as fast as their pace lets them, eight at once each. Another program on the key is played by the server.
Several such games run at the same time: each sends some 5 requests a second only.

The contenders need `pip install aiolimiter pyrate-limiter botocore`. They repeat a refused request after what the
answer asks for.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from bisect import bisect_left
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import aiohttp
import attrs
from aiohttp import web

from cmr_async import AsyncClient, CMRError, DomainRegistration, Order

KEY = "pace-key"
ORDER = Order(domains=[DomainRegistration(domain="example.com")], confirm=True)
AT_ONCE = 8
CONTENDERS = ("cmr_async", "aiolimiter", "pyrate-limiter", "semaphore", "botocore")


@attrs.frozen(kw_only=True)
class Game:
    """What a server does, and how many processes meet it."""

    name: str
    #: Limits, each with the second from which it holds.
    limits: tuple[tuple[float, int], ...] = ((0, 5),)
    processes: int = 1
    #: Milliseconds of jitter.
    jitter: int = 0
    #: Requests a second of another program, and from when to when.
    others: tuple[float, float, float] = (0, 0, 0)
    #: Reads that are queued before the orders.
    reads: int = 0
    #: Whether the contenders play it as well.
    compared: bool = False

    def limit(self, now: float) -> int:
        """Return the limit at a time."""
        return [limit for start, limit in self.limits if now >= start][-1]

    def room(self, start: float, end: float) -> float:
        """Return how many requests the server would let through between two times."""
        steps = 1000
        return sum(self.limit(start + (end - start) * step / steps) for step in range(steps)) * (end - start) / steps


def games() -> list[Game]:
    """Return all games."""
    found = []
    for processes in (1, 3):
        for limit in (5, 4, 3, 2, 1):
            compared = limit in {5, 3} and processes == 3
            limits = ((0, limit),)
            found.append(Game(name=f"limit {limit}", limits=limits, processes=processes, compared=compared))
        for jitter in (20, 50):
            compared = jitter == 50 and processes == 3
            found.append(Game(name=f"jitter {jitter} ms", jitter=jitter, processes=processes, compared=compared))
        drop = ((0, 5), (40, 3), (80, 5))
        found.append(Game(name="5, 3, 5", limits=drop, processes=processes, compared=processes == 3))
        found.append(Game(name="another program", others=(2, 30, 90), processes=processes, compared=processes == 3))
    return [*found, Game(name="no reads"), Game(name="1,000 reads", reads=1000)]


# The server


class Server:
    """Serves a game, and answers `GET /counts` with when it let requests through, and when it refused them."""

    def __init__(self, game: Game) -> None:
        self.game = game
        self.random = Random(game.name)
        self.admitted = deque[float]()
        self.counts: dict[str, list[float]] = {"passed": [], "refused": [], "reads": []}
        self.started: float | None = None
        self.others: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Print the port, and serve until the process is ended."""
        app = web.Application()
        app.add_routes([web.get("/counts", self.tell), web.route("*", "/{tail:.*}", self.answer)])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()

    async def tell(self, _: web.Request) -> web.Response:
        return web.json_response(self.counts)

    async def answer(self, request: web.Request) -> web.Response:
        await request.read()
        if self.started is None:
            self.started = monotonic()
            self.others = asyncio.create_task(self.play_others(*self.game.others))
        await asyncio.sleep(self.random.uniform(0, self.game.jitter / 1000))
        if not self.admits():
            self.note("refused")
            return web.json_response({"status": 429, "message": "slow down"}, status=429, headers={"Retry-After": "1"})
        self.note("reads" if request.method == "GET" else "passed")
        return web.json_response({"status": 200, "message": "OK", "data": {"orderId": "RJK7NR2W194HAGHGTX75D391P3NB"}})

    async def play_others(self, rate: float, start: float, end: float) -> None:
        await asyncio.sleep(start)
        while rate and self.now < end:
            self.admits()
            await asyncio.sleep(1 / rate)

    @property
    def now(self) -> float:
        """Seconds since the first request."""
        return monotonic() - (self.started or 0.0)

    def note(self, what: str) -> None:
        self.counts[what].append(self.now)

    def admits(self) -> bool:
        while self.admitted and self.admitted[0] <= self.now - 1:
            self.admitted.popleft()
        if len(self.admitted) >= self.game.limit(self.now):
            return False
        self.admitted.append(self.now)
        return True


# The clients


async def send_ours(url: str, until: float, folder: str, reads: int) -> None:
    """Send by the package."""
    async with AsyncClient(KEY, url, pace=Path(folder) / "pace.db") as cmr:

        async def order() -> None:
            while monotonic() < until:
                try:
                    await cmr.orders.create(ORDER, user_id="U")
                except CMRError as error:
                    print(error, file=sys.stderr)

        reading = [asyncio.create_task(cmr.users.get(f"U{number}")) for number in range(reads)]
        await asyncio.sleep(0)
        await asyncio.gather(*(order() for _ in range(AT_ONCE)))
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)


async def send_others(name: str, url: str, until: float, folder: str) -> None:
    """Send with one of the contenders."""
    take, told = CHOICES[name](folder)
    async with aiohttp.ClientSession() as session:

        async def order() -> None:
            while monotonic() < until:
                await take()
                async with session.post(f"{url}/orders/json", json={"domains": [{"domain": "example.com"}]}) as answer:
                    await answer.read()
                    told(answer.status == 429)
                    if answer.status == 429:
                        await asyncio.sleep(float(answer.headers["Retry-After"]))

        await asyncio.gather(*(order() for _ in range(AT_ONCE)))


Choice = tuple[Callable[[], Awaitable[object]], Callable[[bool], object]]


def _nothing(_: bool) -> None:
    pass


def aiolimiter(_: str) -> Choice:
    """Take from a leaky bucket of each process."""
    from aiolimiter import AsyncLimiter

    return AsyncLimiter(5, 1).acquire, _nothing


def pyrate_limiter(folder: str) -> Choice:
    """Take from a SQLite file that the processes share."""
    from pyrate_limiter import Duration, Limiter, Rate, SQLiteBucket

    bucket = SQLiteBucket.init_from_file(
        [Rate(5, Duration.SECOND)], db_path=str(Path(folder) / "rates.db"), use_file_lock=True
    )
    limiter = Limiter(bucket)
    return lambda: asyncio.to_thread(limiter.try_acquire, "key"), _nothing


def semaphore(_: str) -> Choice:
    """Let five go, each for a second, in each process."""
    turns = asyncio.Semaphore(5)

    async def take() -> None:
        await turns.acquire()
        asyncio.get_running_loop().call_later(1, turns.release)

    return take, _nothing


def botocore(_: str) -> Choice:
    """Follow the adaptive rule of botocore, in each process."""
    from botocore.retries import adaptive, bucket, throttling

    clock = bucket.Clock()

    class Refused:
        def is_throttling_error(self, *, refused: bool) -> bool:
            return refused

    limiter = adaptive.ClientRateLimiter(
        rate_adjustor=throttling.CubicCalculator(starting_max_rate=0, start_time=clock.current_time()),
        rate_clocker=adaptive.RateClocker(clock),
        token_bucket=bucket.TokenBucket(max_rate=1, clock=clock),
        throttling_detector=Refused(),
        clock=clock,
    )
    return lambda: asyncio.to_thread(limiter.on_sending_request, None), lambda refused: limiter.on_receiving_response(
        refused=refused
    )


CHOICES: dict[str, Callable[[str], Choice]] = {
    "aiolimiter": aiolimiter,
    "pyrate-limiter": pyrate_limiter,
    "semaphore": semaphore,
    "botocore": botocore,
}


# The measurement


@attrs.frozen(kw_only=True)
class Result:
    """What the server saw of one game."""

    game: Game
    contender: str
    seconds: float
    passed: list[float]
    refused: list[float]

    @property
    def used(self) -> float:
        """Share of what the server would have let through, without what another program took."""
        rate, start, end = self.game.others
        room = self.game.room(0, self.seconds) - rate * (min(end, self.seconds) - start) * bool(rate)
        return sum(moment < self.seconds for moment in self.passed) / room

    @property
    def share_refused(self) -> float:
        """Share of the requests that was refused."""
        return len(self.refused) / max(1, len(self.passed) + len(self.refused))

    @property
    def busiest_second(self) -> int:
        """Most requests in any second, those that were refused included."""
        moments = sorted(self.passed + self.refused)
        return max((bisect_left(moments, first + 1) - at for at, first in enumerate(moments)), default=0)

    def until_used(self, start: float) -> float:
        """Seconds from a time until five seconds have begun in which 90 % of the new limit is used and none refused."""
        moment = start
        while moment < self.seconds - 5:
            passed = sum(moment <= one < moment + 5 for one in self.passed)
            refused = sum(moment <= one < moment + 5 for one in self.refused)
            if passed >= 0.9 * 5 * self.game.limit(moment) and not refused:
                return moment - start
            moment += 0.1
        return float("inf")


async def play(game: Game, contender: str, seconds: float) -> Result:
    """Play one game."""
    me = [sys.executable, __file__]
    with tempfile.TemporaryDirectory() as folder:
        server = await asyncio.create_subprocess_exec(
            *me, "--serve", json.dumps(attrs.asdict(game)), stdout=subprocess.PIPE
        )
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(await server.stdout.readline())}"
        try:
            clients = [
                await asyncio.create_subprocess_exec(
                    *me, "--send", json.dumps([contender, url, seconds, folder, game.reads])
                )
                for _ in range(game.processes)
            ]
            await asyncio.gather(*(client.wait() for client in clients))
            async with aiohttp.ClientSession() as session, session.get(f"{url}/counts") as answer:
                counted: dict[str, Any] = await answer.json()
        finally:
            server.terminate()
            await server.wait()
    print(f"{contender}, {game.name}, {game.processes}: done", file=sys.stderr)
    return Result(game=game, contender=contender, seconds=seconds, passed=counted["passed"], refused=counted["refused"])


def show(results: list[Result]) -> None:
    """Print the table."""
    print("| Server | Processes | Pace | Used | 429 | Most in a second |")
    print("|---|---|---|---|---|---|")
    for result in results:
        game = result.game
        print(
            f"| {game.name} | {game.processes} | {result.contender} | {result.used:.1%} | {result.share_refused:.1%} | "
            f"{result.busiest_second} |"
        )
    for result in results:
        for start, limit in result.game.limits[1:]:
            print(
                f"{result.contender}, {result.game.processes}: from the change to {limit} a second until 90 % of it is "
                f"used without a refusal: {result.until_used(start):.1f} s"
            )
        if result.game.name in {"no reads", "1,000 reads"}:
            hundredth = result.passed[99] - result.passed[0]
            print(f"{result.game.name}: {hundredth:.2f} s from the first to the hundredth order")


def plot(results: list[Result], file: Path) -> None:
    """Draw requests a second, over windows of three seconds, while the limit drops and comes back."""
    chosen = [result for result in results if len(result.game.limits) > 1 and result.game.processes > 1]
    width, height, left, top, most = 720, 300, 40, 50, 8.0
    colours = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd")

    def point(now: float, rate: float, seconds: float) -> str:
        x = left + now / seconds * (width - left - 10)
        return f"{x:.0f},{height - 25 - min(rate, most) / most * (height - 25 - top):.0f}"

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"',
        ' font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for rate in range(0, int(most) + 1, 2):
        y = int(point(0, rate, 1).split(",")[1])
        lines.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end" fill="#444">{rate}</text>')
        lines.append(f'<path d="M{left},{y} H{width - 10}" stroke="#ddd"/>')
    for second in range(0, int(chosen[0].seconds) + 1, 20):
        x = point(second, 0, chosen[0].seconds).split(",")[0]
        lines.append(f'<text x="{x}" y="{height - 8}" text-anchor="middle" fill="#444">{second} s</text>')
    game, seconds = chosen[0].game, chosen[0].seconds
    steps = [point(second / 2, game.limit(second / 2), seconds) for second in range(int(seconds) * 2)]
    lines.append(f'<polyline points="{" ".join(steps)}" fill="none" stroke="#000" stroke-dasharray="4 3"/>')
    for number, (result, colour) in enumerate(zip(chosen, colours, strict=False)):
        rates = [
            (second, sum(second <= moment < second + 3 for moment in result.passed) / 3)
            for second in range(int(seconds) - 2)
        ]
        points = " ".join(point(second + 1.5, rate, seconds) for second, rate in rates)
        thick = 2.5 if number == 0 else 1.2
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{thick}"/>')
        key = left + number * 135
        lines.append(f'<path d="M{key},18 h18" stroke="{colour}" stroke-width="3"/>')
        lines.append(f'<text x="{key + 23}" y="22" fill="#222">{result.contender}</text>')
    lines.append(
        f'<text x="{left}" y="40" fill="#222">let through each second, three processes; dashed: the limit</text>'
    )
    file.write_text("\n".join([*lines, "</svg>"]) + "\n")


async def measure(options: argparse.Namespace) -> None:
    """Play all games, several at once."""
    turns = asyncio.Semaphore(options.at_once)

    async def one(game: Game, contender: str) -> Result:
        async with turns:
            return await play(game, contender, options.seconds)

    results = await asyncio.gather(
        *(
            one(game, contender)
            for game in games()
            if not options.only or game.name in options.only
            for contender in options.contenders
            if contender == "cmr_async" or game.compared
        )
    )
    show(results)
    if options.plot:
        plot(results, options.plot)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--only", nargs="*", help="names of games")
    parser.add_argument("--contenders", nargs="*", choices=CONTENDERS, default=CONTENDERS)
    parser.add_argument("--at-once", type=int, default=8, help="games at the same time")
    parser.add_argument("--plot", type=Path, help="draw the game whose limit changes as an SVG")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--send", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(Server(Game(**json.loads(options.serve))).run())
    elif options.send:
        contender, url, seconds, folder, reads = json.loads(options.send)
        until = monotonic() + seconds + 1
        if contender == "cmr_async":
            asyncio.run(send_ours(url, until, folder, reads))
        else:
            asyncio.run(send_others(contender, url, until, folder))
    else:
        asyncio.run(measure(options))


if __name__ == "__main__":
    main()
