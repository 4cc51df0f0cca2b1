"""Ctrl-C and the exit of the interpreter, in scripts: the caller is back at once, no order is lost track of."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from .conftest import Scripts, Server, finish, first_line

pytestmark = pytest.mark.slow

TIMED = """
def timed(call):
    try:
        call()
    except KeyboardInterrupt as error:
        print("notes:", *getattr(error, "__notes__", ()))
        return error
    print("not interrupted")
"""


def interrupt(process: subprocess.Popen[str], server: Server, requests: int = 1) -> None:
    """Send SIGINT once the server has the requests."""
    server.wait_for_requests(requests)
    process.send_signal(signal.SIGINT)


def test_ctrl_c_in_a_read_aborts_it_at_once(scripts: Scripts) -> None:
    with scripts.start(TIMED + """
cmr = client("held")
timed(lambda: cmr.orders.status("o", user_id="a"))
""") as process:  # fmt: skip
        interrupt(process, scripts.server)
        assert first_line(process) == "notes:\n"
        scripts.server.wait_for(lambda: scripts.server.aborted == ["a"])
        finish(process)


def test_ctrl_c_while_waiting_for_the_pace_sends_nothing(scripts: Scripts) -> None:
    with scripts.start(TIMED + """
import asyncio
async def sleep(seconds):
    print("waiting")
    await asyncio.sleep(seconds)
cmr = Client("key", SERVER + "ok", gap=60)
cmr.orders._async._pipeline.slots._sleep = sleep
place(cmr, "a")
timed(lambda: place(cmr, "b"))
""") as process:  # fmt: skip
        assert first_line(process) == "waiting\n"
        interrupt(process, scripts.server)
        assert first_line(process) == "notes:\n"
        finish(process)
    assert scripts.server.users == ["a"]


def test_ctrl_c_in_an_order_is_back_before_its_answer_which_is_logged(scripts: Scripts) -> None:
    with scripts.start(TIMED + """
import logging
logging.basicConfig(stream=sys.stdout, format="logged: %(message)s")
with client("held") as cmr:
    timed(lambda: cmr.orders.create(order(), user_id="a"))
    raise SystemExit
""") as process:  # fmt: skip
        interrupt(process, scripts.server)
        assert first_line(process).startswith(
            "notes: An order that had been sent may have been placed: do not send it again."
        )
        scripts.server.release()
        printed = finish(process)
    assert (
        "logged: An interrupted call has ended. The call had just ended: The order for example.com was accepted as "
        "order-of-a"
    ) in printed
    assert scripts.server.aborted == []


def test_an_answer_that_comes_right_after_the_interruption_is_in_its_notes(scripts: Scripts) -> None:
    with scripts.start(TIMED + """
import signal
import cmr_async.sync.call as call
call._GRACE = 20
def interrupted(*_):
    print("interrupted")
    raise KeyboardInterrupt
signal.signal(signal.SIGINT, interrupted)
cmr = client("held")
timed(lambda: cmr.orders.create(order(), user_id="a"))
""") as process:  # fmt: skip
        interrupt(process, scripts.server)
        assert first_line(process) == "interrupted\n"
        scripts.server.release()
        assert finish(process) == (
            "notes: The call had just ended: The order for example.com was accepted as order-of-a, although its caller "
            "was cancelled before the answer came. Do not send it again.\n"
        )


def test_a_time_limit_that_a_signal_raises_around_an_order_is_no_timeout_error(scripts: Scripts) -> None:
    with scripts.start("""
import logging
import signal
logging.basicConfig(stream=sys.stdout)
def limit(*_):
    raise TimeoutError("the job took too long")
signal.signal(signal.SIGALRM, limit)
cmr = client("held")
for attempt in range(3):  # as people retry
    try:
        cmr.orders.create(order(), user_id="a")
    except TimeoutError:
        continue
    except OutcomeUnknownError as error:
        print("told:", error, type(error.__cause__).__name__)
        break
cmr.close()
""") as process:  # fmt: skip
        scripts.server.wait_for_requests(1)
        process.send_signal(signal.SIGALRM)
        assert "may have been placed" in (told := first_line(process))
        assert told.endswith("TimeoutError\n")
        scripts.server.release()
        finish(process)
    assert scripts.server.users == ["a"]


def test_an_order_that_gets_no_answer_any_more_is_logged_as_unknown(scripts: Scripts) -> None:
    with scripts.start(TIMED + """
import logging
logging.basicConfig(stream=sys.stdout, format="logged: %(message)s")
cmr = client("held")
timed(lambda: cmr.orders.create(order(), user_id="a"))
cmr.close()
""") as process:  # fmt: skip
        interrupt(process, scripts.server)
        assert first_line(process).startswith("notes: An order that had been sent may have been placed")
        scripts.server.cut()
        printed = finish(process)
    assert "outcome=unknown" in printed
    assert (
        "logged: An interrupted call has ended. The call had just ended: The order for example.com may have been placed"
        in printed
    )


def test_the_exit_waits_a_bounded_time_for_an_order_that_had_gone_out(scripts: Scripts) -> None:
    with scripts.start(TIMED + """
import cmr_async.sync.portal as portal
portal._EXIT_GRACE = 0.5
cmr = client("held")
timed(lambda: cmr.orders.create(order(), user_id="a"))
""") as process:  # fmt: skip
        interrupt(process, scripts.server)
        _, complaints = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "Exiting without the answers: orders that had been sent may have been placed." in complaints
    assert "Traceback" not in complaints


def test_any_exception_in_the_waiting_thread_cancels_the_call(scripts: Scripts) -> None:
    """As a time limit of Celery does: a signal handler that raises."""
    with scripts.start("""
import signal
class Limit(Exception): pass
def raise_limit(*_): raise Limit
signal.signal(signal.SIGALRM, raise_limit)
cmr = client("held")
try:
    cmr.orders.status("o", user_id="a")
except Limit:
    print("back")
""") as process:  # fmt: skip
        scripts.server.wait_for_requests(1)
        process.send_signal(signal.SIGALRM)
        assert finish(process) == "back\n"
    scripts.server.wait_for(lambda: scripts.server.aborted == ["a"])


def test_ctrl_c_in_a_bulk_run_is_back_at_once_and_drains_what_had_gone_out(scripts: Scripts) -> None:
    with scripts.start(TIMED + """
import logging
logging.basicConfig(stream=sys.stdout, format="logged: %(message)s")
cmr = client("held")
def requests():
    for number in range(100):
        yield OrderRequest(user_id=f"u{number}", order=order())
run = cmr.bulk.submit(requests(), concurrency=4)
def go():
    with run:
        for outcome in run:
            raise AssertionError(outcome)
timed(go)
run.close()
print("drained", sorted(outcome.order_id for outcome in run.drained), run.summary.accepted)
""") as process:  # fmt: skip
        interrupt(process, scripts.server, requests=4)
        assert first_line(process).startswith("notes: An order that had been sent may have been placed")
        scripts.server.release()
        printed = finish(process)
    assert "drained ['order-of-u0', 'order-of-u1', 'order-of-u2', 'order-of-u3'] 4" in printed
    assert len(scripts.server.users) == 4


def test_exit_while_other_threads_are_in_calls(scripts: Scripts) -> None:
    with scripts.start("""
cmr = client("held")
def work():
    try:
        cmr.orders.status("o", user_id="a")
    except Exception as error:
        ended.append(error)
ended = []
try:
    for _ in range(8):
        threading.Thread(target=work, daemon=True).start()
    threading.Event().wait()
except KeyboardInterrupt:
    pass
""") as process:  # fmt: skip
        interrupt(process, scripts.server, requests=8)
        finish(process)
    scripts.server.wait_for(lambda: len(scripts.server.aborted) == 8)


def test_exit_without_close_in_every_way(scripts: Scripts) -> None:
    scripts.run("""
import gc
kept = client()
place(kept, "kept")
kept.orders.status("o", user_id="kept open")
def leave():
    cmr = client()
    place(cmr, "left")
    cmr.orders.status("o", user_id="left open")
leave()
gc.collect()
never_used = client()
class Holder: pass
holder = Holder()
holder.self, holder.cmr = holder, client()
place(holder.cmr, "cycle")
run = kept.bulk.submit((OrderRequest(user_id=f"u{n}", order=order()) for n in range(10)), concurrency=2)
next(run)
""")  # fmt: skip


def test_a_call_after_the_exit_has_begun_is_refused_with_a_reason(scripts: Scripts) -> None:
    printed = scripts.run("""
import atexit
cmr = client()
def late():
    try:
        place(cmr, "late")
    except Exception as error:
        print(type(error).__name__, error)
place(cmr, "early")
atexit.unregister(__import__("cmr_async.sync.portal", fromlist=["_at_exit"])._at_exit)
atexit.register(late)
atexit.register(__import__("cmr_async.sync.portal", fromlist=["_at_exit"])._at_exit)
""")
    assert printed == "ClientStateError The interpreter is exiting: the blocking client has stopped.\n"


JOURNALED = """
cmr = client()
def requests():
    for number in range(20):
        yield OrderRequest(user_id=f"u{number}", order=order(f"example{number}"))
run = cmr.bulk.submit(requests(), journal="run.db", concurrency=2)
"""


def test_a_journaled_run_left_at_the_exit_goes_on_in_the_next_process(scripts: Scripts) -> None:
    pytest.importorskip("sqlalchemy")
    scripts.run(JOURNALED + "for _, outcome in zip(range(3), run): pass")
    printed = scripts.run(JOURNALED + "list(run); print(run.summary.unknown, run.summary.total)")
    assert printed == "0 20\n"
    assert sorted(scripts.server.users) == sorted(f"u{number}" for number in range(20))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_a_run_begun_before_a_fork_goes_on_in_the_parent_only(scripts: Scripts) -> None:
    printed = scripts.run("""
cmr = client()
run = cmr.bulk.submit((OrderRequest(user_id=f"u{n}", order=order()) for n in range(9)), concurrency=2)
next(run)
pid = os.fork()
if not pid:
    try:
        next(run)
    except Exception as error:
        print(type(error).__name__)
    place(cmr, "child")
    sys.exit()
assert os.waitpid(pid, 0)[1] == 0
print(len(list(run)))
""")
    assert printed == "ClientStateError\n8\n"
