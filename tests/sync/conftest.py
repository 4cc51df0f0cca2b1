"""What the tests of the blocking client share: a server on this machine that holds answers, and scripts.

The server answers with what it was asked, so that an answer to the wrong caller shows. The first part of the path
of the base URL says how it behaves: `/ok` answers at once, `/held` when the test says so.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import attrs
import pytest

import cmr_async
from cmr_async import Client, DomainRegistration, Order

ORDER = Order(
    domains=[DomainRegistration(domain="example.com")],
    service_provider="MICROSOFT",
    billing_cycle="MONTHLY",
    microsoft_oauth_route="https://route.example/a",
    confirm=True,  # a paid order is drained, a draft is not
)

#: What scripts begin with.
HEAD = """
import os, sys, threading, time
from cmr_async import Client, Order, DomainRegistration, OrderRequest, OutcomeUnknownError
SERVER = os.environ["SERVER"]
def client(how="ok", **settings):
    return Client("key", SERVER + how, gap=0, **settings)
def order(name="example"):
    return Order(domains=[DomainRegistration(domain=f"{name}.com")], service_provider="MICROSOFT",
                 billing_cycle="MONTHLY", microsoft_oauth_route="https://route.example/a", confirm=True)
def place(cmr, user):
    got = cmr.orders.create(order(), user_id=user).order_id
    assert got == f"order-of-{user}", (got, user)
"""


class Server:
    """A loopback HTTP server in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._changed = threading.Condition()
        self._gates: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._open = False
        self._cut = False
        #: User ids of the requests, as they came.
        self.users: list[str] = []
        #: User ids of the requests whose client went away before the answer.
        self.aborted: list[str] = []
        #: Number of open connections.
        self.connections = 0
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        port = self._server.sockets[0].getsockname()[1]
        #: To be followed by how it behaves.
        self.url = f"http://127.0.0.1:{port}/"
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def client(self, how: str = "ok") -> Client:
        return Client("key", self.url + how, gap=0)

    def release(self, *users: str) -> None:
        """Answer what is held for these users, now or later; without users: everything."""

        def release() -> None:
            self._open = self._open or not users
            for user in users or list(self._gates):
                self._gates[user].set()

        self._loop.call_soon_threadsafe(release)

    def cut(self) -> None:
        """Cut the connections of the requests that are held, and of those that come."""
        self._cut = True
        self.release()

    def wait_for(self, what: Callable[[], object], seconds: float = 20.0) -> None:
        """Wait until something is true of the server."""
        with self._changed:
            assert self._changed.wait_for(what, seconds), (self.users, self.aborted, self.connections)

    def wait_for_requests(self, number: int) -> None:
        """Wait until so many requests have come."""
        self.wait_for(lambda: len(self.users) >= number)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @contextmanager
    def _change(self) -> Iterator[None]:
        with self._changed:
            yield
            self._changed.notify_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with self._change():
            self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._answer(head.decode().lower(), head.decode().split(" ")[1], reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            with self._change():
                self.connections -= 1

    async def _answer(self, head: str, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if "content-length: " in head:
            await reader.readexactly(int(head.partition("content-length: ")[2].split("\r\n")[0]))
        url = urlsplit(target)
        user = parse_qs(url.query).get("userId", [""])[0]
        with self._change():
            self.users.append(user)
        if url.path.startswith("/held"):
            if not self._open and not await self._released(user, reader):
                with self._change():
                    self.aborted.append(user)
                return
            if self._cut:
                raise ConnectionError
        body = json.dumps({"status": 200, "message": "ok", "data": {"orderId": f"order-of-{user}"}}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body))
        writer.write(body)
        await writer.drain()

    async def _released(self, user: str, reader: asyncio.StreamReader) -> bool:
        """Whether the client was still there when its answer was released."""
        released = asyncio.ensure_future(self._gates[user].wait())
        gone = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait({released, gone}, return_when=asyncio.FIRST_COMPLETED)
            return not gone.done()
        finally:
            for each in (released, gone):
                each.cancel()
            await asyncio.gather(released, gone, return_exceptions=True)


@pytest.fixture
def server() -> Iterator[Server]:
    serving = Server()
    yield serving
    serving.stop()


@attrs.frozen
class Scripts:
    """Runs Python scripts against the server, each in a process of its own with warnings as errors."""

    server: Server
    folder: Path

    def start(self, source: str, *options: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        path = self.folder / "script.py"
        path.write_text(HEAD + source, encoding="utf-8")
        return self.command(sys.executable, "-W", "error", *FORKS, *options, str(path), env=env)

    def command(
        self, *command: str, env: dict[str, str] | None = None, pass_fds: tuple[int, ...] = ()
    ) -> subprocess.Popen[str]:
        package = Path(cmr_async.__file__).parents[1]
        environment = {
            **os.environ,
            "SERVER": self.server.url,
            "PYTHONPATH": os.pathsep.join([str(package), str(self.folder)]),
            "PYTHONUNBUFFERED": "1",
            **(env or {}),
        }
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=environment, cwd=self.folder, pass_fds=pass_fds, start_new_session=True,
        )  # fmt: skip

    def run(self, source: str, *options: str, seconds: float = 20.0, env: dict[str, str] | None = None) -> str:
        """Run a script to its end; it must end well, in time, and print nothing to stderr. Returns its stdout."""
        with self.start(source, *options, env=env) as process:
            return finish(process, seconds)


def finish(process: subprocess.Popen[str], seconds: float = 20.0) -> str:
    try:
        printed, complaints = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        printed, complaints = process.communicate()
        raise AssertionError(f"no end after {seconds} s:\n{printed}\n{complaints}") from None
    assert (process.returncode, complaints) == (0, ""), f"{process.returncode}\n{printed}\n{complaints}"
    return printed


def first_line(process: subprocess.Popen[str]) -> str:
    """Return the first line that is printed: printed while the server holds its answers, it did not wait for them."""
    assert process.stdout is not None
    with ended_after(process, 20):
        return process.stdout.readline()


@contextmanager
def ended_after(process: subprocess.Popen[str], seconds: float) -> Iterator[None]:
    """Kill a process that hangs, so that reading from it ends."""
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def tell(process: subprocess.Popen[str], line: str) -> None:
    """Let a script go on that waits in `input()`."""
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


#: From 3.12 on the interpreter warns of every fork of a process with threads, and a loop thread is one.
FORKS = ("-W", "ignore:This process (pid=:DeprecationWarning")


@pytest.fixture
def scripts(server: Server, tmp_path: Path) -> Scripts:
    return Scripts(server, tmp_path)
