"""How long a blocking client lives: `close`, `with`, garbage, and what goes on in the background meanwhile."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import threading
from collections.abc import Iterator

import pytest

from cmr_async import AsyncClient, Client, ClientStateError
from cmr_async.sync.call import Call
from cmr_async.sync.lifetime import Lifetime, as_tuple
from cmr_async.sync.portal import running_portal

from .conftest import ORDER, Server


def new_lifetime() -> Lifetime:
    return Lifetime(AsyncClient("key", "http://localhost"))


class Held:
    """A coroutine function that ends when the test says so."""

    def __init__(self) -> None:
        self._released = asyncio.Event()
        self.ended = False

    async def run(self) -> None:
        await self._released.wait()
        self.ended = True

    async def release(self) -> None:
        self._released.set()


class Interrupted(BaseException):
    """What a signal handler raises in the waiting thread."""


class InterruptedCall(Call[None]):
    """A call whose caller is interrupted while it waits, and which goes on."""

    def wait(self) -> None:
        raise Interrupted


def test_all_clients_run_on_one_thread() -> None:
    async def thread() -> threading.Thread:
        return threading.current_thread()

    assert new_lifetime().call(thread) is new_lifetime().call(thread) is not threading.current_thread()


def test_a_call_on_the_loop_thread_is_refused() -> None:
    lifetime = new_lifetime()

    async def call() -> None:
        lifetime.portal()

    with pytest.raises(ClientStateError, match="thread that runs the event loop"):
        running_portal().call(call)


def test_a_closed_client_says_so_and_closes_twice(server: Server) -> None:
    cmr = server.client()
    with cmr:
        cmr.orders.create(ORDER, user_id="a")
    cmr.close()
    with pytest.raises(ClientStateError, match="closed"):
        cmr.orders.create(ORDER, user_id="b")
    with pytest.raises(ClientStateError, match="closed"):
        next(cmr.bulk.submit([]))
    assert server.users == ["a"]


def test_a_client_that_never_called_closes_without_starting_anything() -> None:
    lifetime = new_lifetime()
    lifetime.close()
    with pytest.raises(ClientStateError, match="closed"):
        lifetime.portal()


def test_close_waits_for_what_goes_on_in_the_background() -> None:
    lifetime, held = new_lifetime(), Held()
    portal = lifetime.portal()
    lifetime.run_in_background(Call(portal, held.run))
    Call(portal, held.release).start()  # behind it on the loop
    lifetime.close()
    assert held.ended


def test_close_waits_for_a_call_whose_caller_was_interrupted() -> None:
    lifetime, held = new_lifetime(), Held()
    portal = lifetime.portal()
    with pytest.raises(Interrupted):
        lifetime.wait_for(InterruptedCall(portal, held.run, cancels=False))
    Call(portal, held.release).start()
    lifetime.close()
    assert held.ended


def test_calls_that_have_ended_are_not_kept() -> None:
    lifetime = new_lifetime()
    portal = lifetime.portal()
    calls: list[Call[None]] = []
    for _ in range(3):
        held = Held()
        portal.call(held.release)
        calls.append(Call(portal, held.run))
        lifetime.run_in_background(calls[-1])
        calls[-1].wait()
    assert lifetime._background == {calls[-1]}
    lifetime.close()


def test_an_error_of_a_call_leaves_nothing_in_the_background() -> None:
    lifetime = new_lifetime()

    async def fail() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        lifetime.call(fail)
    assert lifetime._background == set()
    lifetime.close()


def test_a_client_that_is_dropped_closes_its_connections(server: Server) -> None:
    cmr = server.client()
    cmr.orders.status("o", user_id="a")
    orders = cmr.orders
    del cmr
    gc.collect()
    orders.status("o", user_id="its group of calls still works")
    assert server.connections == 1
    del orders
    gc.collect()
    server.wait_for(lambda: server.connections == 0)


def test_a_dropped_client_that_is_closed_or_never_called_is_left_alone() -> None:
    lifetime = new_lifetime()
    portal = lifetime.portal()
    lifetime.close()
    client = lifetime._client
    del lifetime
    gc.collect()
    assert client not in portal.clients


def test_an_interrupted_with_block_closes_in_the_background(server: Server) -> None:
    with pytest.raises(Interrupted), server.client() as cmr:  # noqa: PT012 - the interruption leaves the block
        cmr.orders.status("o", user_id="a")
        raise Interrupted
    with pytest.raises(ClientStateError, match="closed"):
        cmr.orders.status("o", user_id="b")
    server.wait_for(lambda: server.connections == 0)


def test_the_representation_holds_no_key() -> None:
    assert repr(Client("secret", "http://localhost/api")) == "<Client http://localhost/api>"


def test_a_client_cannot_be_pickled_or_copied_because_it_holds_the_key() -> None:
    with pytest.raises(TypeError, match="holds a key"):
        pickle.dumps(Client("secret", "http://localhost"))
    with pytest.raises(TypeError, match="holds a key"):
        copy.copy(Client("secret", "http://localhost"))


def test_small_iterables_are_read_in_the_thread_of_the_caller() -> None:
    threads = []

    def references() -> Iterator[str]:
        threads.append(threading.current_thread())
        yield "a"

    assert as_tuple(references()) == ("a",)
    assert threads == [threading.current_thread()]
    assert as_tuple(None) is None
