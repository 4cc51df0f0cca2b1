"""The portal: its thread, the one portal of the process, its exit, and what a forked child does with it."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from cmr_async import ClientStateError, ConfigurationError, forks
from cmr_async.sync import portal as portal_module
from cmr_async.sync.call import Call
from cmr_async.sync.portal import Portal, current_portal, running_portal, use_uvloop


@pytest.fixture
def portal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Portal]:
    monkeypatch.setattr(portal_module, "_CANCEL_GRACE", 20)  # however busy the machine is, its thread ends in time
    portal = Portal(uvloop=False)
    yield portal
    if not portal.loop.is_closed():
        portal.stop()


@pytest.fixture
def _fresh_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry as it is before the first call; the portal of the tests comes back afterwards."""
    for name, value in {"_portal": None, "_exiting": False, "_uvloop": False, "_lock": threading.Lock()}.items():
        monkeypatch.setattr(portal_module, name, value)


async def thread() -> threading.Thread:
    return threading.current_thread()


async def for_ever() -> None:
    await asyncio.get_running_loop().create_future()


class FakeClient:
    """Notes that it was closed."""

    def __init__(self, closed: list[str], name: str = "client", error: Exception | None = None) -> None:
        self._closed, self._name, self._error = closed, name, error

    async def close(self) -> None:
        self._closed.append(self._name)
        if self._error is not None:
            raise self._error


def run_aside(portal: Portal, function: Any) -> tuple[threading.Thread, list[BaseException]]:
    """Run a call in a thread of its own; return once it is under way, with the errors that it will end with."""
    begun = threading.Event()
    errors: list[BaseException] = []

    async def begin() -> None:
        begun.set()
        await function()

    def call() -> None:
        try:
            portal.call(begin)
        except ClientStateError as error:
            errors.append(error)

    aside = threading.Thread(target=call)
    aside.start()
    assert begun.wait(20)
    return aside, errors


def wind_down(portal: Portal) -> None:
    """Do what `stop` does on the loop; the thread goes on."""
    asyncio.run_coroutine_threadsafe(portal._wind_down(), portal.loop).result(20)


def test_it_runs_coroutines_on_a_daemon_thread_of_its_own(portal: Portal) -> None:
    runs_on = portal.call(thread)
    assert (runs_on.name, runs_on.daemon) == ("cmr-async-portal", True)
    assert runs_on is not threading.current_thread()
    assert portal.call(thread) is runs_on


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="no signals to threads here")
def test_its_thread_takes_no_signal_that_is_for_the_main_thread(portal: Portal) -> None:
    async def blocked() -> set[int]:
        return set(signal.pthread_sigmask(signal.SIG_BLOCK, []))

    assert portal.call(blocked) >= {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM}


def test_a_call_on_its_own_thread_is_refused_instead_of_waiting_for_ever(portal: Portal) -> None:
    async def call() -> None:
        portal.call(thread)

    with pytest.raises(ClientStateError, match="thread that runs the event loop"):
        portal.call(call)


def test_it_closes_a_client_after_the_calls_that_need_it(portal: Portal) -> None:
    closed: list[str] = []
    released = asyncio.Event()

    async def held() -> None:
        await released.wait()
        closed.append("the call")

    async def close() -> None:
        asyncio.get_running_loop().call_soon(released.set)
        await portal.close(fake, after=[call])

    fake = FakeClient(closed)
    portal.clients.add(fake)
    call = Call(portal, held)
    call.start()
    portal.call(close)
    assert closed == ["the call", "client"]
    assert portal.clients == set()


def test_an_idle_portal_stops_silently(portal: Portal, caplog: pytest.LogCaptureFixture) -> None:
    runs_on = portal.call(thread)
    portal.stop()
    assert (runs_on.is_alive(), portal.loop.is_closed(), caplog.messages) == (False, True, [])


def test_its_stop_cancels_the_calls_that_wait(portal: Portal) -> None:
    aside, errors = run_aside(portal, for_ever)
    portal.stop()
    aside.join(20)
    assert [str(error).partition(":")[0] for error in errors] == ["The interpreter is exiting"]


def test_its_stop_closes_iterators_before_clients(portal: Portal) -> None:
    closed: list[str] = []
    portal.clients.add(FakeClient(closed))
    portal.sources.add(FakeClient(closed, "iterator", LookupError("it cannot be closed")))
    portal.stop()
    assert closed == ["iterator", "client"]


class Release(logging.Handler):
    """Releases an order once the exit says that it waits for it."""

    def __init__(self, released: asyncio.Event) -> None:
        super().__init__()
        self._released = released
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())
        self._released.set()


def test_its_stop_says_so_when_it_waits_for_an_order_that_was_sent(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []
    release = Release(asyncio.Event())

    async def order() -> None:
        try:
            await for_ever()
        except asyncio.CancelledError:
            await release._released.wait()
            ended.append("the order")
            raise

    aside, errors = run_aside(portal, order)
    logger = logging.getLogger("cmr_async")
    logger.addHandler(release)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(portal_module, "_CANCEL_GRACE", 0)
            patched.setattr(portal_module, "_EXIT_GRACE", 20)
            wind_down(portal)
    finally:
        logger.removeHandler(release)
    aside.join(20)
    assert (ended, len(errors)) == (["the order"], 1)
    assert release.messages == ["Waiting up to 20 s for answers to orders that have been sent; Ctrl-C exits at once."]


def test_its_stop_gives_up_after_a_bounded_time_and_closes_the_clients(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    closed: list[str] = []
    released = asyncio.Event()

    async def order() -> None:
        try:
            await for_ever()
        except asyncio.CancelledError:
            await released.wait()

    async def release() -> None:
        released.set()

    portal.clients |= {FakeClient(closed, "one", LookupError("it cannot be closed")), FakeClient(closed, "other")}
    aside, _ = run_aside(portal, order)
    with monkeypatch.context() as patched:
        patched.setattr(portal_module, "_EXIT_GRACE", 0)
        wind_down(portal)
    portal.call(release)
    aside.join(20)
    assert sorted(closed) == ["one", "other"]
    assert caplog.messages == ["Exiting without the answers: orders that had been sent may have been placed."]
    portal.clients.clear()


@pytest.mark.usefixtures("_fresh_process")
def test_the_process_has_one_portal_which_starts_with_its_first_use() -> None:
    assert current_portal() is None
    portal = running_portal()
    assert running_portal() is portal
    assert current_portal() is portal
    portal.stop()


@pytest.mark.usefixtures("_fresh_process")
def test_threads_that_come_at_once_get_the_same_portal(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    class Late:
        """A lock that another thread held, which has started the portal meanwhile."""

        def __enter__(self) -> None:
            monkeypatch.setattr(portal_module, "_portal", portal)

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(portal_module, "_lock", Late())
    assert running_portal() is portal


@pytest.mark.usefixtures("_fresh_process")
def test_the_exit_stops_the_portal_and_refuses_another_one(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portal_module, "_portal", portal)
    portal_module._at_exit()
    assert portal.loop.is_closed()
    with pytest.raises(ClientStateError, match="The interpreter is exiting"):
        running_portal()
    portal_module._at_exit()


@pytest.mark.usefixtures("_fresh_process")
def test_a_second_ctrl_c_ends_the_wait_of_the_exit(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(portal, "stop", interrupted)
        patched.setattr(portal_module, "_portal", portal)
        portal_module._at_exit()
        assert current_portal() is None


@pytest.mark.usefixtures("_fresh_process")
def test_a_thread_that_cannot_start_is_an_error_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(ClientStateError, match=r"cannot start: can't start new thread\.$"):
        running_portal()
    assert current_portal() is None


@pytest.mark.usefixtures("_fresh_process")
def test_a_forked_child_leaves_the_portal_to_its_parent(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    inherited: list[object] = []
    monkeypatch.setattr(forks, "_inherited", inherited)
    monkeypatch.setattr(portal_module, "_portal", portal)
    lock = portal_module._lock
    with lock:  # as another thread of the parent may have held it
        portal_module._leave_portal_to_parent()
        assert portal_module._lock is not lock
    assert current_portal() is None
    assert inherited == [portal]


@pytest.mark.usefixtures("_fresh_process")
def test_uvloop_is_used_when_it_was_asked_for_before_the_first_call() -> None:
    pytest.importorskip("uvloop")
    use_uvloop()
    portal = running_portal()
    assert type(portal.loop).__module__.startswith("uvloop")
    assert portal.call(thread).name == "cmr-async-portal"
    with pytest.raises(ClientStateError, match="before the first blocking call"):
        use_uvloop()
    portal.stop()


@pytest.mark.usefixtures("_fresh_process")
def test_uvloop_that_is_missing_is_an_error_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    with pytest.raises(ConfigurationError, match="uvloop was asked for and is not installed: `pip install uvloop`"):
        use_uvloop()
