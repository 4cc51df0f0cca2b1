"""Plain iterators over async ones: lazy, one item per step, closed when they are left."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeVar

import pytest

from cmr_async import AsyncClient, ClientStateError, forks
from cmr_async.sync import BlockingIterator
from cmr_async.sync import iterator as iterator_module
from cmr_async.sync.call import Call
from cmr_async.sync.lifetime import Lifetime
from cmr_async.sync.portal import Portal, running_portal

R = TypeVar("R")


class Numbers:
    """An async source that shows what is done with it."""

    def __init__(self) -> None:
        self.yielded: list[int] = []
        self.closed = threading.Event()

    async def items(self) -> AsyncGenerator[int, None]:
        try:
            for number in range(10):
                self.yielded.append(number)
                yield number
        finally:
            self.closed.set()


class Interrupted(BaseException):
    """What a signal handler raises in the waiting thread."""


@pytest.fixture
def numbers() -> Numbers:
    return Numbers()


@pytest.fixture
def lifetime() -> Lifetime:
    return Lifetime(AsyncClient("key", "http://localhost"))


@pytest.fixture
def iterator(lifetime: Lifetime, numbers: Numbers) -> BlockingIterator[int]:
    return BlockingIterator(lifetime, numbers.items())


def test_it_pulls_one_item_at_a_time(numbers: Numbers, iterator: BlockingIterator[int]) -> None:
    assert numbers.yielded == []
    assert [next(iterator) for _ in range(3)] == [0, 1, 2]
    assert numbers.yielded == [0, 1, 2]


def test_it_ends_and_stays_ended(numbers: Numbers, iterator: BlockingIterator[int]) -> None:
    assert list(iterator) == list(range(10))
    assert list(iterator) == []
    assert numbers.closed.is_set()
    assert iterator._source not in running_portal().sources


def test_a_loop_that_is_left_closes_the_source(lifetime: Lifetime, numbers: Numbers) -> None:
    for number in BlockingIterator(lifetime, numbers.items()):
        if number == 2:
            break
    gc.collect()
    assert numbers.closed.wait(20)
    assert numbers.yielded == [0, 1, 2]


def test_a_with_block_has_closed_the_source_at_its_end(numbers: Numbers, iterator: BlockingIterator[int]) -> None:
    with pytest.raises(ZeroDivisionError), iterator:  # noqa: PT012 - the error leaves the loop
        for _ in iterator:
            raise ZeroDivisionError
    assert numbers.closed.is_set()
    assert list(iterator) == []


def test_an_interrupted_with_block_closes_the_source_in_the_background(
    numbers: Numbers, iterator: BlockingIterator[int]
) -> None:
    with pytest.raises(Interrupted), iterator:  # noqa: PT012 - the interruption leaves the block
        next(iterator)
        raise Interrupted
    assert numbers.closed.wait(20)


def test_garbage_closes_the_source(lifetime: Lifetime, numbers: Numbers) -> None:
    kept: list[object] = [BlockingIterator(lifetime, numbers.items())]
    assert isinstance(kept[0], BlockingIterator)
    next(kept[0])
    kept.append(kept)  # a cycle
    del kept
    gc.collect()
    assert numbers.closed.wait(20)


def test_closing_before_the_first_item_opens_nothing(numbers: Numbers, iterator: BlockingIterator[int]) -> None:
    iterator.close()
    assert list(iterator) == []
    assert numbers.yielded == []


def test_an_error_of_the_source_comes_out_of_the_loop_and_ends_it(lifetime: Lifetime) -> None:
    async def broken() -> AsyncGenerator[int, None]:
        yield 1
        raise LookupError("the source is gone")

    iterator = BlockingIterator(lifetime, broken())
    assert next(iterator) == 1
    with pytest.raises(LookupError, match="the source is gone"):
        next(iterator)
    assert list(iterator) == []


def test_closing_waits_for_the_step_whose_caller_was_interrupted(
    lifetime: Lifetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cmr_async.sync.call._GRACE", 0)
    begun, released = threading.Event(), asyncio.Event()
    seen: list[str] = []

    async def drained() -> AsyncGenerator[int, None]:
        begun.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            await released.wait()
            seen.append("drained")
            raise
        yield 1

    class InterruptedStep(Call[R]):
        def wait(self) -> None:
            assert begun.wait(20)
            raise Interrupted

    class Interrupting(BlockingIterator[int]):
        def _new_step(self, portal: Portal, function: Callable[[], Awaitable[R]]) -> Call[R]:
            return InterruptedStep(portal, function, self._lifetime)

    async def release() -> None:
        released.set()

    iterator = Interrupting(lifetime, drained())
    with pytest.raises(Interrupted):
        next(iterator)
    assert seen == []
    Call(running_portal(), release).start()
    iterator.close()
    assert seen == ["drained"]


def test_in_a_forked_child_it_belongs_to_the_parent(
    numbers: Numbers, iterator: BlockingIterator[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    inherited: list[object] = []
    next(iterator)
    source = iterator._source
    in_parent = running_portal()
    in_child = Portal(uvloop=False)
    with monkeypatch.context() as child:
        child.setattr(forks, "_inherited", inherited)
        child.setattr("cmr_async.sync.portal._portal", in_child)
        iterator_module._close_in_background(iterator._lifetime, source)
        assert inherited == []  # the same process: its portal has stopped, and closed everything
        child.setattr(os, "getpid", lambda: -1)
        with pytest.raises(ClientStateError, match="begun before a fork and belongs to the parent process"):
            next(iterator)
        iterator_module._close_in_background(iterator._lifetime, source)
        assert inherited == [source]
        iterator.close()
        assert not numbers.closed.is_set()
        in_child.stop()
    assert source in in_parent.sources
    in_parent.call(source.close)
    assert numbers.closed.is_set()
