"""The places where legacy code runs: scripts, notebooks, threads, forks, gunicorn and Celery, warnings as errors."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from .conftest import FORKS, HEAD, Scripts, finish, first_line, tell

pytestmark = pytest.mark.slow

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")


def needs(module: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(importlib.util.find_spec(module) is None, reason=f"{module} is not installed")


def test_a_plain_script_that_closes_nothing_prints_nothing(scripts: Scripts) -> None:
    printed = scripts.run("""
cmr = client()
place(cmr, "a")
print(cmr.orders.status("o", user_id="b").data)
""")
    assert printed == "{'orderId': 'order-of-b'}\n"


def test_inside_a_running_loop(scripts: Scripts) -> None:
    assert scripts.run("""
import asyncio
async def main():
    with client() as cmr:
        for number in range(20):
            place(cmr, f"u{number}")
            await asyncio.sleep(0)
asyncio.run(main())
print("done")
""") == "done\n"  # fmt: skip


@needs("IPython")
def test_ipython_with_and_without_its_loop_running(scripts: Scripts) -> None:
    cells = scripts.folder / "cells.ipy"
    cells.write_text(
        HEAD
        + """
cmr = client()
place(cmr, "plain")
import asyncio
await asyncio.sleep(0); place(cmr, "awaiting"); print("done")
"""
    )
    env = {"IPYTHONDIR": str(scripts.folder / "ipython")}
    with scripts.command(
        sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", str(cells), env=env
    ) as one:
        assert finish(one).strip() == "done"
    assert scripts.server.users == ["plain", "awaiting"]


def test_64_threads_at_once_on_one_client(scripts: Scripts) -> None:
    assert scripts.run("""
from concurrent.futures import ThreadPoolExecutor
cmr = client()
barrier = threading.Barrier(64)
def work(number):
    barrier.wait()
    for turn in range(10):
        place(cmr, f"u{number}.{turn}")
with ThreadPoolExecutor(64) as pool:
    list(pool.map(work, range(64)))
print(threading.active_count())
""") == "2\n"  # fmt: skip
    assert len(set(scripts.server.users)) == 640


@needs_fork
@pytest.mark.parametrize("child_ends", ["sys.exit()", "os._exit(0)"])
def test_a_client_made_before_a_fork_is_used_on_both_sides(scripts: Scripts, child_ends: str) -> None:
    scripts.run(f"""
cmr = client()
place(cmr, "before")
cmr.orders.status("o", user_id="before")
pid = os.fork()
side = "parent" if pid else "child"
def work(thread):
    for number in range(150):
        if number % 2:
            place(cmr, f"{{side}}{{thread}}.{{number}}")
        else:
            got = cmr.orders.status("o", user_id=f"{{side}}{{thread}}.{{number}}").data["orderId"]
            assert got == f"order-of-{{side}}{{thread}}.{{number}}", got
threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
if not pid:
    {child_ends}
assert os.waitpid(pid, 0)[1] == 0
""")
    users = scripts.server.users
    assert sum(user.startswith("parent") for user in users) == 600
    assert sum(user.startswith("child") for user in users) == 600


@needs_fork
def test_a_child_that_leaves_the_client_alone_does_not_disturb_the_parent(scripts: Scripts) -> None:
    """Its destructors, run at its exit, must not take the parent's connections from the shared epoll."""
    scripts.server.release("kept open", "on the kept connection", "after")
    with scripts.start("""
import gc
cmr = client("held")
thread = threading.Thread(target=place, args=(cmr, "in flight"))
cmr.orders.status("o", user_id="kept open")
thread.start()
assert input() == "in flight"
pid = os.fork()
if not pid:
    del cmr
    gc.collect()
    sys.exit()
assert os.waitpid(pid, 0)[1] == 0
print("the child has gone")
thread.join()
cmr.orders.status("o", user_id="on the kept connection")
place(cmr, "after")
""") as process:  # fmt: skip
        scripts.server.wait_for_requests(2)
        tell(process, "in flight")
        assert first_line(process) == "the child has gone\n"
        scripts.server.release()
        finish(process)
    assert scripts.server.users == ["kept open", "in flight", "on the kept connection", "after"]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(scripts: Scripts, method: str) -> None:
    if method not in __import__("multiprocessing").get_all_start_methods():
        pytest.skip(f"no {method} on this platform")
    scripts.run(f"""
import multiprocessing
cmr = client()
def work(user):
    place(cmr, user)
    return user
if __name__ == "__main__":
    place(cmr, "parent")
    with multiprocessing.get_context("{method}").Pool(2) as pool:
        assert pool.map(work, [f"u{{n}}" for n in range(20)]) == [f"u{{n}}" for n in range(20)]
    place(cmr, "parent again")
""")
    assert len(scripts.server.users) == 22


@needs("gunicorn")
@needs_fork
@pytest.mark.parametrize("preload", [False, True])
def test_a_gunicorn_prefork_server(scripts: Scripts, *, preload: bool) -> None:
    (scripts.folder / "web.py").write_text(
        HEAD
        + f"""
cmr = client()
if {preload}:
    place(cmr, "in the arbiter")
import pathlib, time
seen = pathlib.Path({str(scripts.folder)!r}, "workers")
def application(environ, start_response):
    # The first request of a worker waits for the other worker, so that both serve
    seen.mkdir(exist_ok=True)
    (seen / str(os.getpid())).touch()
    while len(list(seen.iterdir())) < 2:
        time.sleep(0.01)
    for number in range(10):
        place(cmr, environ["QUERY_STRING"] + str(number))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:  # bound here, so no request comes too early
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/?u"
        bind = ["-b", f"fd://{listening.fileno()}", "-w", "2", "--log-level", "critical"]
        run = [sys.executable, "-W", "error:::cmr_async", *FORKS, "-m", "gunicorn", *bind]
        run += [*(["--preload"] if preload else []), "web:application"]
        with scripts.command(*run, pass_fds=(listening.fileno(),)) as process:
            try:
                with ThreadPoolExecutor(8) as pool:
                    pids = set(pool.map(_get, [f"{url}{number}." for number in range(41)]))
            finally:
                process.send_signal(signal.SIGTERM)
                finish(process)
    assert len(pids) == 2
    assert len(scripts.server.users) == 410 + preload


#: No proxy of the environment stands between this machine and itself.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _get(url: str) -> str:
    with _DIRECT.open(url, timeout=30) as answer:
        return str(answer.read().decode())


@needs("celery")
@needs_fork
def test_a_celery_prefork_worker(scripts: Scripts) -> None:
    (scripts.folder / "queue").mkdir()
    (scripts.folder / "tasks.py").write_text(
        HEAD
        + """
from celery import Celery
app = Celery("tasks", broker="filesystem://", backend="file://" + os.getcwd())
app.conf.broker_transport_options = {"data_folder_in": "queue", "data_folder_out": "queue", "polling_interval": 0.05}
app.conf.broker_connection_retry_on_startup = False
app.conf.worker_state_db = None
cmr = client()
@app.task
def work(user):
    place(cmr, user)
    return os.getpid()
"""
    )
    worker = [sys.executable, "-m", "celery", "-q", "-A", "tasks", "worker", "-P", "prefork", "-c", "2"]
    worker += ["-l", "critical", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    with scripts.command(*worker, env={"C_FORCE_ROOT": "1"}) as process:
        try:
            printed = scripts.run("""
from tasks import work
pids = {result.get(timeout=15, interval=0.02) for result in [work.delay(f"u{number}") for number in range(20)]}
print(os.getpid() in pids, len(pids) <= 2)
""", "-W", "ignore")  # fmt: skip
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # its warm shutdown takes six seconds
            process.communicate(timeout=20)
    assert printed == "False True\n"
    assert sorted(scripts.server.users) == sorted(f"u{number}" for number in range(20))


@needs("uvloop")
def test_uvloop_when_asked_for(scripts: Scripts) -> None:
    assert scripts.run("""
cmr = client()
place(cmr, "a")
from cmr_async.sync.portal import running_portal
print(type(running_portal().loop).__module__)
pid = os.fork()
place(cmr, "child" if not pid else "parent")
if pid: assert os.waitpid(pid, 0)[1] == 0
""", env={"CMR_UVLOOP": "1"}).splitlines()[0].startswith("uvloop")  # fmt: skip
