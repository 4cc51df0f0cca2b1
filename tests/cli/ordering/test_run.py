"""Ctrl-C and other signals on a real terminal: nothing new starts, what is on its way is waited for, all is written."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Self, cast

import attrs
import orjson
import pytest

from cmr_async import AsyncClient, BulkRun, DomainRegistration, Order, Stall
from cmr_async.cli.ordering import run as run_module
from cmr_async.cli.ordering.run import CommandRun
from cmr_async.core.pacing import Pace
from cmr_async.errors import CMRError, JournalError
from cmr_async.journal.journal import Journal
from cmr_async.models.requests import BulkSummary, OrderOutcome, OrderRequest, OrderState
from cmr_async.preflight.plan import Plan
from cmr_async.report.rows import ResultRow, ResultWriter
from tests.cli.conftest import Cmr
from tests.cli.terminal import CTRL_C, Terminal, on_terminal
from tests.loopback import Act, Connection, Loopback, answer_after

Interrupt = Callable[[Terminal], None]


def ctrl_c(terminal: Terminal) -> None:
    terminal.type(CTRL_C)
    terminal.read_until("^C")  # its echo: the signal has been sent


def sigterm(terminal: Terminal) -> None:
    terminal.process.send_signal(signal.SIGTERM)


def hang_up(terminal: Terminal) -> None:
    terminal.process.send_signal(signal.SIGHUP)


by_both = pytest.mark.parametrize("interrupt", [ctrl_c, sigterm])
by_all = pytest.mark.parametrize("interrupt", [ctrl_c, sigterm, hang_up])

ORDERS = 4
#: Fewer than the orders, so that some are never started.
AT_ONCE = 2


class Server:
    """Holds the answer to every order until it is released, in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.released = asyncio.Event()
        self._server = Loopback(*[answer_after(self.released)] * ORDERS)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._server.__aenter__(), self._loop).result(60)
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        asyncio.run_coroutine_threadsafe(self._server.__aexit__(None, None, None), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()

    @property
    def base_url(self) -> str:
        return self._server.base_url

    @property
    def orders(self) -> list[str]:
        """Domains of the orders that came in."""
        return [received.json["domains"][0]["domain"] for received in self._server.received]

    def wait_for(self, orders: int) -> None:
        asyncio.run_coroutine_threadsafe(self._server.count(orders), self._loop).result(60)

    def release(self) -> None:
        self._loop.call_soon_threadsafe(self.released.set)

    def acts(self, act: Act) -> None:
        """Do something else with each order."""
        self._server.script[:] = [act] * ORDERS


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server() as server:
        monkeypatch.setenv("CMR_BASE_URL", server.base_url)
        monkeypatch.setenv("CMR_API_KEY", "key")
        yield server


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text("user_id,domain\n" + "".join(f"U,domain-{n}.com\n" for n in range(ORDERS)))
    return path


@pytest.fixture
def submit(orders: Path) -> list[str | Path]:
    return ["orders", "submit", orders, "--concurrency", str(AT_ONCE)]


def states(journal: Path) -> Counter[str]:
    async def look() -> Counter[str]:
        async with Journal(journal, create=False) as opened:
            return Counter([entry.state.value async for entry in opened.entries()])

    return asyncio.run(look())


@by_all
def test_the_first_interrupt_waits_for_what_is_on_its_way_and_the_same_command_goes_on(
    interrupt: Interrupt, server: Server, submit: list[str | Path], tmp_path: Path, cmr: Cmr
) -> None:
    journal = tmp_path / "run.db"
    submit += ["--confirm", "--yes", "--journal", journal]
    with on_terminal(*submit) as terminal:
        server.wait_for(AT_ONCE)
        interrupt(terminal)
        terminal.read_until("Stopping: waiting up to 15 s for the answers to 2 orders that were sent.")
        server.release()
        assert terminal.end() == 130
    assert len(server.orders) == AT_ONCE
    assert "2 paid orders accepted of 4 orders." in terminal.text
    assert "2 not started." in terminal.text
    assert "To go on, run the same command again" in terminal.text
    assert "Traceback" not in terminal.text
    assert states(journal) == {"accepted": 2, "planned": 2}

    assert cmr(*submit).exit_code == 0
    assert len(server.orders) == len(set(server.orders)) == ORDERS


def test_the_second_ctrl_c_leaves_at_once_and_what_was_on_its_way_is_unknown(
    server: Server, submit: list[str | Path], tmp_path: Path, cmr: Cmr
) -> None:
    journal = tmp_path / "run.db"
    submit += ["--confirm", "--yes", "--journal", journal]
    with on_terminal(*submit, "--output", tmp_path / "results.jsonl") as terminal:
        server.wait_for(AT_ONCE)
        terminal.type(CTRL_C)
        terminal.read_until("leaves at once.")
        terminal.type(CTRL_C)
        assert terminal.end() == 3
    assert "2 UNKNOWN: may or may not have been placed." in terminal.text
    assert f"cmr orders reconcile {journal}" in "".join(terminal.text.split("\r\n"))
    assert "Traceback" not in terminal.text
    assert states(journal) == {"unknown": 2, "planned": 2}
    rows = map(orjson.loads, (tmp_path / "results.jsonl").read_bytes().splitlines())
    assert [row["state"] for row in rows] == ["unknown"] * AT_ONCE

    server.release()
    assert cmr(*submit).exit_code == 3
    assert len(server.orders) == len(set(server.orders)) == ORDERS
    assert states(journal) == {"unknown": 2, "accepted": 2}


def test_the_third_ctrl_c_leaves_when_the_journal_cannot_be_written(
    server: Server, submit: list[str | Path], tmp_path: Path
) -> None:
    journal = tmp_path / "run.db"
    with on_terminal(*submit, "--confirm", "--yes", "--journal", journal) as terminal:
        server.wait_for(AT_ONCE)
        with sqlite3.connect(journal) as locked:
            locked.execute("BEGIN IMMEDIATE")
            terminal.type(CTRL_C)
            terminal.read_until("leaves at once.")
            terminal.type(CTRL_C)
            terminal.read_until("Leaving:")
            terminal.type(CTRL_C)
            assert terminal.end() == 3
            locked.rollback()
        locked.close()
    assert "Left at once; 2 orders may or may not have been placed." in terminal.text
    assert states(journal) == {"unknown": 2, "planned": 2}


@by_all
def test_without_a_journal_the_words_say_what_to_take_out(
    interrupt: Interrupt, server: Server, submit: list[str | Path], tmp_path: Path
) -> None:
    with on_terminal(*submit, "--no-journal", "--output", tmp_path / "results.jsonl") as terminal:
        server.wait_for(AT_ONCE)
        interrupt(terminal)
        terminal.read_until("leaves at once.")
        server.release()
        assert terminal.end() == 130
    assert len(server.orders) == AT_ONCE
    assert "2 drafts accepted of 4 orders." in terminal.text
    assert "take the accepted and unknown orders" in terminal.text
    assert "The first order that was not started begins at row 4." in terminal.text
    rows = map(orjson.loads, (tmp_path / "results.jsonl").read_bytes().splitlines())
    assert [row["state"] for row in rows] == ["accepted"] * AT_ONCE


def test_the_wait_for_answers_is_bounded(
    server: Server, submit: list[str | Path], cmr: Cmr, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def interrupt(_: Connection) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await server.released.wait()

    monkeypatch.setattr("cmr_async.cli.ordering.run._DRAIN", 0)
    server.acts(interrupt)
    result = cmr(*submit[:-1], "1")
    assert result.exit_code == 3
    assert "1 UNKNOWN: may or may not have been placed." in result.output
    assert "3 not started." in result.output


@by_both
def test_an_interrupt_at_the_question_sends_nothing(
    interrupt: Interrupt, server: Server, submit: list[str | Path]
) -> None:
    with on_terminal(*submit, "--confirm") as terminal:
        terminal.read_until("[y/N]")
        interrupt(terminal)
        terminal.type("\n")  # Python sees a signal that came just before it began to wait when the wait is over
        assert terminal.end() == 130
    assert terminal.text.rstrip().endswith("cmr: interrupted.")
    assert "Traceback" not in terminal.text
    assert server.orders == []


@by_both
def test_an_interrupt_while_the_file_is_read_sends_nothing(interrupt: Interrupt, server: Server, orders: Path) -> None:
    orders.unlink()
    os.mkfifo(orders)
    with on_terminal("orders", "submit", orders, "--confirm", "--yes", "--no-journal") as terminal:
        writing = os.open(orders, os.O_WRONLY)  # returns when the command has begun to read
        interrupt(terminal)
        os.close(writing)  # as above
        assert terminal.end() == 130
    assert terminal.text.rstrip().endswith("cmr: interrupted.")
    assert "Traceback" not in terminal.text
    assert server.orders == []


class Engine:
    """Stands for the engine's run: yields outcomes, then waits for whatever the test does next."""

    def __init__(self, *outcomes: OrderOutcome, paused_for: float = 0.0) -> None:
        self.outcomes = list(outcomes)
        self.drained: list[OrderOutcome] = []
        self.unrecorded: list[OrderOutcome] = []
        self.broken: JournalError | None = None
        self.in_flight: dict[int, OrderRequest] = {}
        self.stall: Stall | None = None
        self.pace = Pace(gap=0.338, limit=3.0, paused_for=paused_for)
        self.calls: list[str] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.calls.append("left")

    async def __aiter__(self) -> AsyncIterator[OrderOutcome]:
        for outcome in self.outcomes:
            yield outcome
            await asyncio.sleep(0)
        if self.broken is not None:
            raise self.broken

    @property
    def summary(self) -> BulkSummary:
        return BulkSummary(accepted=len(self.outcomes))

    def stop(self, reason: str) -> None:
        self.calls.append(f"stop: {reason}")

    def give_up(self) -> None:
        self.calls.append("give up")


class OneRun(CommandRun):
    """A run of an engine that the test controls."""

    def __init__(self, engine: Engine, *, orders: int = 2, writer: ResultWriter | None = None) -> None:
        no_client = cast("AsyncClient", None)
        super().__init__(Plan(orders=orders), connect=lambda: nullcontext(no_client), writer=writer)
        self.engine = engine
        self._bulk = cast("BulkRun", engine)

    def begin(self, client: AsyncClient) -> BulkRun:
        return cast("BulkRun", self.engine)

    def row_of(self, outcome: OrderOutcome) -> ResultRow:
        return ResultRow.of(outcome, row=outcome.index + 2)


def an_outcome(index: int, state: OrderState = OrderState.ACCEPTED, error: CMRError | None = None) -> OrderOutcome:
    order = Order(domains=[DomainRegistration(domain=f"d{index}.com")])
    request = OrderRequest(user_id="U", order=order)
    return OrderOutcome(index=index, request=request, state=state, order_id=None, error=error, attempts=1)


class FullDisk(ResultWriter):
    """A disk that has no room for a second row."""

    rows = 0

    def write(self, row: ResultRow) -> None:
        self.rows += 1
        if self.rows > 1:
            raise OSError(28, "No space left on device")
        super().write(row)


def test_results_that_cannot_be_written_are_shown_and_end_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = Engine(*map(an_outcome, range(3)))
    with FullDisk(tmp_path / "results.csv") as writer:
        OneRun(engine, orders=3, writer=writer).run()
    assert engine.calls == ["stop: the results cannot be written", "left"]
    printed = capsys.readouterr()
    assert "cmr: the results cannot be written any more: No space left on device" in printed.err
    assert [line.split("\t")[3] for line in printed.err.splitlines() if "\t" in line] == ["d1.com"]
    assert [line.split("\t")[3] for line in printed.out.splitlines()] == ["d0.com", "d1.com", "d2.com"]


def test_what_is_drained_when_a_run_breaks_is_recorded() -> None:
    engine = Engine()
    engine.drained = [an_outcome(0, OrderState.UNKNOWN, CMRError("no answer"))]
    report = OneRun(engine).run()
    assert [(row.state, row.message) for row in report.rows] == [("unknown", "no answer")]
    assert report.reasons == Counter(["no answer"])
    assert report.errors == {CMRError}


def test_what_is_kept_for_the_report_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cmr_async.report.run_report._MOST_KEPT", 2)
    engine = Engine(*(an_outcome(n, OrderState.REJECTED, CMRError(f"reason {n}")) for n in range(4)))
    report = OneRun(engine).run()
    assert [row.row for row in report.rows] == [2, 3]
    assert report.reasons == Counter(["reason 0", "reason 1"])


def test_an_order_id_that_the_journal_does_not_know_is_printed_whatever_else_fails(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lost, late = (attrs.evolve(an_outcome(number), order_id=f"O-{number}") for number in (1, 2))
    engine = Engine(an_outcome(0), lost)
    engine.drained = [late]
    engine.unrecorded = [lost, late]
    engine.broken = JournalError("the disk is full.")
    report = OneRun(engine, orders=4).run()
    assert (report.unrecorded, report.stopped) == (2, "the disk is full.")
    printed = [line.split("\t") for line in capsys.readouterr().err.splitlines()]
    assert [line[2] for line in printed if line[0] == "not written down"] == ["O-1", "O-2"]


def test_a_journal_that_breaks_before_anything_is_sent_is_an_error() -> None:
    engine = Engine(attrs.evolve(an_outcome(0, OrderState.SKIPPED), attempts=0))
    engine.broken = JournalError("belongs to another account.")
    with pytest.raises(JournalError, match="another account"):
        OneRun(engine).run()


def test_on_a_terminal_few_orders_are_kept_for_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cmr_async.cli.ordering.run.is_terminal", lambda: True)
    monkeypatch.setattr("cmr_async.cli.ordering.run.Progress.__enter__", lambda self: self)
    run = OneRun(Engine(an_outcome(0)))
    assert run.has_table
    assert [row.row for row in run.run().rows] == [2]
    assert not OneRun(Engine(), orders=201).has_table


async def test_the_progress_shows_the_pace_of_the_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cmr_async.cli.ordering.run.Progress.EVERY", 0.0)
    engine = Engine(paused_for=3.0)
    ticking = asyncio.ensure_future(OneRun(engine)._tick(cast("BulkRun", engine)))
    await asyncio.sleep(0)
    ticking.cancel()
    assert capsys.readouterr().err.endswith(
        "; paused 3.0 s after a 429; the API takes 3 a second: other programs use this key, or its limit is lower\n"
    )


async def test_each_interrupt_leaves_faster_than_the_one_before(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[int] = []
    monkeypatch.setattr("cmr_async.cli.ordering.run.os._exit", left.append)
    engine = Engine()
    engine.in_flight = {0: an_outcome(0).request}
    run = OneRun(engine)

    run._interrupt()
    assert engine.calls == ["stop: interrupted"]
    assert run._report.interrupted
    run._interrupt()
    assert engine.calls == ["stop: interrupted", "give up"]
    assert left == []
    run._interrupt()
    assert left == [3]
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [
        "Stopping: waiting up to 15 s for the answers to 1 order that was sent. Ctrl-C again leaves at once.",
        "Leaving: what is on its way has no known outcome.",
        "Left at once; 1 order may or may not have been placed.",
    ]
    assert printed.out.startswith("unknown\t-\tU\td0.com\t0\t-\tLeft while this order was on its way: it may have")


def test_before_the_run_has_begun_nothing_is_stopped() -> None:
    run = OneRun(Engine())
    run._bulk = None
    run._interrupt()
    run._stop("no reason")
    assert not run._report.interrupted


async def test_a_run_under_nohup_goes_on_when_its_terminal_is_closed() -> None:
    heard: list[str] = []
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with run_module._signals(lambda: heard.append("interrupted")):
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGTERM)
            while not heard:  # noqa: ASYNC110 - the loop has no event for a signal
                await asyncio.sleep(0)
        assert heard == ["interrupted"]
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_where_loops_handle_no_signals_the_loop_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    interrupted = asyncio.Event()

    def refuse(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(loop, "add_signal_handler", refuse)
    monkeypatch.setattr(loop, "remove_signal_handler", refuse)
    before = {kind: signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)}
    try:
        with run_module._signals(interrupted.set):
            signal.raise_signal(signal.SIGTERM)
            await interrupted.wait()
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
