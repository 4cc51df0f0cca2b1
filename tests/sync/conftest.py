"""What the tests of the blocking client share: a server on this machine that misbehaves on request, and scripts.

The server answers with what it was asked, so that an answer to the wrong caller shows. The first part of the path
of the base URL says how it behaves: `/ok`, `/slow` (answers after 0.3 s), `/held` (answers when the test says so).
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import attrs
import pytest

import cmr_async

_SLOW = 0.3

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
        self._released = asyncio.Event()
        #: User ids of the requests, as they came.
        self.users: list[str] = []
        #: User ids of the requests whose client went away before the answer.
        self.aborted: list[str] = []
        #: `time.monotonic()` of the requests.
        self.times: list[float] = []
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        port = self._server.sockets[0].getsockname()[1]
        #: To be followed by how it behaves.
        self.url = f"http://127.0.0.1:{port}/"
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def release(self) -> None:
        """Answer what is held, and all that comes."""
        self._loop.call_soon_threadsafe(self._released.set)

    def wait_for(self, what: Callable[[], object], seconds: float = 20.0) -> None:
        """Wait until something is true of the server."""
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end, (self.users, self.aborted)
            time.sleep(0.01)

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

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._answer(head.decode().lower(), head.decode().split(" ")[1], reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(self, head: str, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if "content-length: " in head:
            await reader.readexactly(int(head.partition("content-length: ")[2].split("\r\n")[0]))
        url = urlsplit(target)
        user = parse_qs(url.query).get("userId", [""])[0]
        self.users.append(user)
        self.times.append(time.monotonic())
        how = url.path.split("/")[1]
        if how != "ok" and not await self._stays(reader, until=self._released.wait() if how == "held" else None):
            self.aborted.append(user)
            return
        body = json.dumps({"status": 200, "message": "ok", "data": {"orderId": f"order-of-{user}"}}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body))
        writer.write(body)
        await writer.drain()

    async def _stays(self, reader: asyncio.StreamReader, *, until: Awaitable[object] | None) -> bool:
        """Whether the client was still there when it was time to answer."""
        time_to_answer = asyncio.ensure_future(until or asyncio.sleep(_SLOW))
        gone = asyncio.ensure_future(reader.read(1))
        await asyncio.wait({time_to_answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        for each in (time_to_answer, gone):
            each.cancel()
        await asyncio.gather(time_to_answer, gone, return_exceptions=True)
        return gone.cancelled()


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

    def command(self, *command: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        package = Path(cmr_async.__file__).parents[1]
        environment = {
            **os.environ,
            "SERVER": self.server.url,
            "PYTHONPATH": os.pathsep.join([str(package), str(self.folder)]),
            "PYTHONUNBUFFERED": "1",
            **(env or {}),
        }
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=self.folder,
            start_new_session=True,
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


#: From 3.12 on the interpreter warns of every fork of a process with threads, and a loop thread is one.
FORKS = ("-W", "ignore:This process (pid=:DeprecationWarning")


@pytest.fixture
def scripts(server: Server, tmp_path: Path) -> Scripts:
    return Scripts(server, tmp_path)
