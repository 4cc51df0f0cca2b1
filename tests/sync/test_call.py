"""One call of a blocking thread: its result, its errors, and what its caller is told when it is interrupted."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import signal
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from cmr_async import APIError, ClientStateError
from cmr_async.sync import call as call_module
from cmr_async.sync.call import Call

needs_signals = pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to threads here")


class LoopThread:
    """A loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.calls: set[Call[Any]] = set()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    def stop(self) -> None:
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join(10)
            self.loop.close()


class ThisLoop:
    """The loop of the test itself, for what has to happen in one order."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.calls: set[Call[Any]] = set()


@pytest.fixture
def host() -> Iterator[LoopThread]:
    host = LoopThread()
    yield host
    host.stop()


class Interrupted(BaseException):
    """What a signal handler raises in the waiting thread."""


@pytest.fixture
def _signals() -> Iterator[None]:
    def interrupt(*_: object) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGUSR1, interrupt)
    yield
    signal.signal(signal.SIGUSR1, before)


def interrupt_the_caller() -> None:
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, signal.SIGUSR1)


def notes_of(error: BaseException) -> list[str]:
    return list(getattr(error, "__notes__", ()))


async def for_ever() -> None:
    await asyncio.get_running_loop().create_future()


async def five() -> int:
    return 5


def test_it_returns_what_the_coroutine_returns(host: LoopThread) -> None:
    call = Call(host, five)
    assert call.run() == 5
    assert call.ended
    assert host.calls == set()


def test_the_coroutine_runs_on_the_thread_of_the_loop(host: LoopThread) -> None:
    async def thread() -> threading.Thread:
        return threading.current_thread()

    assert Call(host, thread).run() is host.thread


def test_an_error_comes_as_it_is(host: LoopThread) -> None:
    error = LookupError("none")

    async def fail() -> None:
        raise error

    with pytest.raises(LookupError) as caught:
        Call(host, fail).run()
    assert caught.value is error
    assert caught.traceback[-1].name == "fail"


def test_an_exit_of_the_coroutine_does_not_stop_the_loop(host: LoopThread) -> None:
    async def leave() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit) as caught:
        Call(host, leave).run()
    assert caught.value.code == 3
    assert Call(host, five).run() == 5


def test_context_variables_reach_the_coroutine(host: LoopThread) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    variable.set("of the caller")

    async def read() -> str:
        return variable.get()

    assert Call(host, read).run() == "of the caller"


def test_it_keeps_its_owner_alive_until_it_has_ended(host: LoopThread) -> None:
    class Owner:
        pass

    owner = Owner()
    alive = weakref.ref(owner)
    begun, go_on = threading.Event(), threading.Event()

    async def held() -> None:
        begun.set()
        await asyncio.to_thread(go_on.wait, 20)

    call = Call(host, held, owner)
    del owner
    call.start()
    assert begun.wait(20)
    gc.collect()
    assert alive() is not None
    go_on.set()
    call.wait()
    gc.collect()
    assert alive() is None


class Lock:
    """A lock that lets the call end once it was looked at in vain."""

    def __init__(self, lock: threading.Lock, host: LoopThread, released: asyncio.Event) -> None:
        self._lock, self._host, self._released = lock, host, released
        self.release = lock.release

    def acquire(self, *, timeout: float) -> bool:
        acquired = self._lock.acquire(timeout=timeout)
        if not acquired:
            self._host.loop.call_soon_threadsafe(self._released.set)
        return acquired


def test_a_thread_that_looks_now_and_then_waits_to_the_end_too(
    host: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_module, "WAKE_EVERY", 0.001)
    released = asyncio.Event()

    class Looking(Call[int]):
        def wait(self) -> None:
            self._under_way = Lock(self._under_way, host, released)  # type: ignore[assignment]
            super().wait()

    async def held() -> int:
        await released.wait()
        return 5

    assert Looking(host, held).run() == 5


def test_a_call_on_a_closed_loop_is_refused_and_one_in_the_background_is_dropped(host: LoopThread) -> None:
    host.stop()
    with pytest.raises(ClientStateError, match="The interpreter is exiting: the blocking client has stopped"):
        Call(host, five).run()
    Call(host, five).start(background=True)
    assert host.calls == set()


@needs_signals
@pytest.mark.usefixtures("_signals")
def test_an_interruption_cancels_the_coroutine(host: LoopThread) -> None:
    seen = []

    async def interrupted() -> None:
        interrupt_the_caller()
        try:
            await for_ever()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    call = Call(host, interrupted)
    with pytest.raises(Interrupted) as caught:
        call.run()
    assert (seen, notes_of(caught.value), call.ended) == (["cancelled"], [], True)


@needs_signals
@pytest.mark.usefixtures("_signals")
@pytest.mark.parametrize(
    ("outcome", "notes"),
    [
        (5, ["The call had just returned 5"]),
        (None, []),
        (APIError("There is no such user."), ["The call had just ended: There is no such user."]),
        (LookupError("unrelated"), []),
        (APIError("No\nCRITICAL\x1b[2J."), ["The call had just ended: No\\nCRITICAL\\x1b[2J."]),
    ],
    ids=["result", "nothing", "refusal", "other error", "forged"],
)
def test_an_interruption_is_told_what_became_of_the_call(host: LoopThread, outcome: object, notes: list[str]) -> None:
    async def interrupted() -> object:
        interrupt_the_caller()
        try:
            await for_ever()
        except asyncio.CancelledError:
            if isinstance(outcome, BaseException):
                raise outcome from None
        return outcome

    with pytest.raises(Interrupted) as caught:
        Call(host, interrupted).run()
    assert notes_of(caught.value) == notes


@needs_signals
@pytest.mark.usefixtures("_signals")
def test_an_interrupted_call_that_goes_on_is_logged_when_it_ends(
    host: LoopThread, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(call_module, "_GRACE", 0)
    released = asyncio.Event()

    async def drained() -> str:
        interrupt_the_caller()
        try:
            await for_ever()
        except asyncio.CancelledError:
            await released.wait()
        return "an order"

    call = Call(host, drained)
    with pytest.raises(Interrupted) as caught:
        call.run()
    assert [note.partition(":")[0] for note in notes_of(caught.value)] == [
        "An order that had been sent may have been placed"
    ]
    assert (call.ended, caplog.messages) == (False, [])
    host.loop.call_soon_threadsafe(released.set)
    call.wait()
    assert caplog.messages == ["An interrupted call has ended. The call had just returned 'an order'"]


@needs_signals
@pytest.mark.usefixtures("_signals")
def test_a_call_that_ends_as_its_caller_gives_up_is_logged_too(
    host: LoopThread, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(call_module, "_GRACE", 0)
    gone = threading.Event()

    async def ends() -> int:
        interrupt_the_caller()
        assert gone.wait(20)  # the loop stands still until the caller has asked it to cancel and gone
        return 5

    call = Call(host, ends)
    with pytest.raises(Interrupted):
        call.run()
    gone.set()
    call.wait()
    Call(host, five).run()  # behind everything that the caller asked the loop for
    assert caplog.messages == ["An interrupted call has ended. The call had just returned 5"]


@needs_signals
@pytest.mark.usefixtures("_signals")
def test_an_interruption_only_stops_waiting_for_what_closes_something(host: LoopThread) -> None:
    released = asyncio.Event()
    seen = []

    async def closing() -> None:
        interrupt_the_caller()
        await released.wait()
        seen.append("closed")

    call = Call(host, closing, cancels=False)
    with pytest.raises(Interrupted) as caught:
        call.run()
    assert (notes_of(caught.value), call.ended) == ([], False)
    host.loop.call_soon_threadsafe(released.set)
    call.wait()
    assert seen == ["closed"]


def test_an_interruption_after_the_loop_has_closed_goes_through(
    host: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_module, "_GRACE", 0)

    class Late(Call[None]):
        def start(self, *, background: bool = False) -> None:
            host.stop()
            raise Interrupted

    with pytest.raises(Interrupted) as caught:
        Late(host, for_ever).run()
    assert len(notes_of(caught.value)) == 1


async def test_an_end_that_the_interrupted_caller_just_missed_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    host = ThisLoop()
    call = Call(host, five)
    call.start()
    for _ in range(3):  # its start, its first step, its end
        await asyncio.sleep(0)
    assert (call.ended, caplog.messages) == (True, [])
    call._detach()
    assert caplog.messages == ["An interrupted call has ended. The call had just returned 5"]


async def test_a_call_cancelled_before_its_first_step_runs_nothing() -> None:
    host = ThisLoop()
    ran = []

    async def run() -> None:
        ran.append(1)

    call = Call(host, run)
    call.start()
    host.loop.call_soon(call._cancel)
    for _ in range(3):  # start and cancellation, the task's first step, its end
        await asyncio.sleep(0)
    assert (call.ended, ran, host.calls, call.notes()) == (True, [], set(), [])
    call.wait()


async def test_a_call_cancelled_before_it_reached_the_loop_has_ended() -> None:
    host = ThisLoop()
    call = Call(host, for_ever)
    call._cancel()
    assert call.ended
    call._cancel()
    call.wait()


async def test_others_can_wait_on_the_loop_until_it_has_ended() -> None:
    host = ThisLoop()
    seen = []

    async def run() -> None:
        await asyncio.sleep(0)
        seen.append("ended")

    call = Call(host, run)
    await call.wait_on_loop()  # it has not begun
    call.start()
    await asyncio.sleep(0)
    await call.wait_on_loop()
    assert seen == ["ended"]


def run_until_exit(host: LoopThread, outcome: BaseException) -> None:
    """Run a call that the exit of the interpreter cancels, and that ends with this error."""

    async def cancelled() -> None:
        asyncio.get_running_loop().call_soon(call.cancel_for_exit)
        try:
            await for_ever()
        except asyncio.CancelledError:
            raise outcome from None

    call = Call(host, cancelled)
    call.run()


def test_a_caller_is_told_that_the_exit_cancelled_its_call(host: LoopThread) -> None:
    with pytest.raises(ClientStateError) as caught:
        run_until_exit(host, asyncio.CancelledError())
    assert str(caught.value) == "The interpreter is exiting: the call was cancelled, and no order had been sent."


def test_a_caller_is_told_what_the_drain_at_the_exit_learned(host: LoopThread) -> None:
    with pytest.raises(APIError, match="refused"):
        run_until_exit(host, APIError("refused"))


async def test_the_exit_cancels_only_what_somebody_waits_for() -> None:
    host = ThisLoop()
    waited, left, closing = Call(host, for_ever), Call(host, for_ever), Call(host, for_ever, cancels=False)
    waited.start()
    left.start(background=True)
    closing.start()
    await asyncio.sleep(0)
    tasks = [call.cancel_for_exit() for call in (waited, left, closing)]
    await waited.wait_on_loop()
    assert [task is not None and task.done() for task in tasks] == [True, False, False]
    assert waited.cancel_for_exit() is None
    for call in (left, closing):
        call._cancel()
        await call.wait_on_loop()


def test_a_long_result_is_cut_in_a_note(host: LoopThread, caplog: pytest.LogCaptureFixture) -> None:
    async def long() -> str:
        return "x" * 1000

    with caplog.at_level(logging.WARNING):
        call = Call(host, long)
        call.start(background=True)
        call.wait()
    (message,) = caplog.messages
    assert message.count("x") == 299  # the quotation mark is the first of 300 characters
