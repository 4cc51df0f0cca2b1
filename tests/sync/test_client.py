"""The blocking client in one process: threads, context, lifetime, one pace, and errors that travel."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import gc
import logging
import pickle
import threading
import time

import pytest

import cmr_async
from cmr_async import (
    AsyncClient,
    Client,
    ClientStateError,
    CMRError,
    DomainRegistration,
    Fault,
    Order,
    OrderCreated,
    OrderWarning,
    ValidationError,
    errors,
)
from cmr_async.core.pacing import Pacer
from cmr_async.sync import use_uvloop
from cmr_async.sync.portal import running_portal

from .conftest import Server

ORDER = Order(
    domains=[DomainRegistration(domain="example.com")],
    service_provider="MICROSOFT",
    billing_cycle="MONTHLY",
    microsoft_oauth_route="https://route.example/a",
    confirm=True,  # what is paid for is drained, a draft is not
)


def client(server: Server, how: str = "ok") -> Client:
    return Client("key", server.url + how, gap=0)


def test_a_call_returns_what_the_async_one_returns(server: Server) -> None:
    async def awaited() -> OrderCreated:
        async with AsyncClient("key", server.url + "ok", gap=0) as cmr:
            return await cmr.orders.create(ORDER, user_id="a")

    with client(server) as cmr:
        assert cmr.orders.create(ORDER, user_id="a") == asyncio.run(awaited())


def test_errors_come_as_they_are(server: Server) -> None:
    with client(server) as cmr, pytest.raises(ValidationError) as caught:
        cmr.orders.create(Order(), user_id="a")
    assert caught.value.faults
    assert caught.traceback[-1].name == "check_order"


def test_all_clients_share_one_thread(server: Server) -> None:
    with client(server) as one, client(server) as other:
        one.orders.create(ORDER, user_id="a")
        other.orders.create(ORDER, user_id="b")
    assert [thread.name for thread in threading.enumerate()].count("cmr-async-portal") == 1


def pacer_of(cmr: AsyncClient) -> Pacer:
    return cmr.orders._pipeline.pacer


def test_both_kinds_of_client_with_one_key_share_one_pace(server: Server) -> None:
    blocking = Client("one-key", server.url + "ok", gap=0.05)
    other = Client("another-key", server.url + "ok", gap=0.05)

    async def awaited() -> None:
        async with AsyncClient("one-key", server.url + "ok", gap=0.05) as cmr:
            assert pacer_of(cmr) is pacer_of(blocking._async)
            await asyncio.gather(*(cmr.orders.create(ORDER, user_id="async") for _ in range(6)))

    def waiting() -> None:
        for _ in range(6):
            blocking.orders.create(ORDER, user_id="blocking")

    assert pacer_of(other._async) is not pacer_of(blocking._async)
    thread = threading.Thread(target=waiting)
    thread.start()
    asyncio.run(awaited())
    thread.join()
    assert sorted(server.users) == ["async"] * 6 + ["blocking"] * 6


def test_context_variables_reach_the_call(server: Server) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    seen = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(variable.get())

    logger = logging.getLogger("cmr_async")
    handler = Handler()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        variable.set("of the caller")
        with client(server) as cmr:
            cmr.orders.create(ORDER, user_id="a")
    finally:
        logger.setLevel(logging.NOTSET)
        logger.removeHandler(handler)
    assert seen == ["of the caller"]


def test_a_call_on_the_loop_thread_is_refused_instead_of_waiting_for_ever(server: Server) -> None:
    cmr = client(server)

    async def call() -> None:
        cmr.orders.create(ORDER, user_id="a")

    with pytest.raises(ClientStateError, match="thread that runs the event loop"):
        running_portal().call(call)
    cmr.close()


def test_a_closed_client_says_so_and_closes_twice(server: Server) -> None:
    cmr = client(server)
    with cmr:
        cmr.orders.create(ORDER, user_id="a")
    cmr.close()
    with pytest.raises(ClientStateError, match="closed"):
        cmr.orders.create(ORDER, user_id="b")
    with pytest.raises(ClientStateError, match="closed"):
        next(cmr.bulk.submit([]))


def test_a_client_that_is_dropped_closes_its_connections(server: Server) -> None:
    cmr = client(server)
    cmr.orders.status("o", user_id="a")
    portal = running_portal()
    before = set(portal.clients)
    orders = cmr.orders
    del cmr
    gc.collect()
    orders.status("o", user_id="its resource still works")
    assert portal.clients == before
    del orders
    end = time.monotonic() + 5
    while len(portal.clients) == len(before):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_representation_holds_no_key(server: Server) -> None:
    assert repr(Client("secret", "http://localhost/api")) == "<Client http://localhost/api>"


def test_a_client_is_not_pickled_because_it_holds_the_key() -> None:
    with pytest.raises(TypeError, match="holds a key"):
        pickle.dumps(Client("secret", "http://localhost"))
    with pytest.raises(TypeError, match="holds a key"):
        copy.copy(Client("secret", "http://localhost"))


def test_uvloop_comes_before_the_first_call(server: Server) -> None:
    pytest.importorskip("uvloop")
    with client(server) as cmr:
        cmr.orders.create(ORDER, user_id="a")
    with pytest.raises(ClientStateError, match="before the first blocking call"):
        use_uvloop()


@pytest.mark.parametrize("name", errors.__all__)
def test_every_exception_survives_pickling(name: str) -> None:
    cls = getattr(errors, name)
    if cls is Fault:
        assert pickle.loads(pickle.dumps(Fault("a", "b"))) == Fault("a", "b")
        return
    error = cls("what happened")
    settings = {
        "status": 409, "data": {"a": 1}, "retry_after": 1.5, "body_excerpt": "<html>", "order_id": "o",
        "path": "data.orderId", "faults": (Fault("a", "b"),), "endpoint": "orders.process", "attempts": 3,
    }  # fmt: skip
    given = {key: value for key, value in settings.items() if hasattr(error, key)}
    vars(error).update(given)
    error.add_note("a note")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is cls
    assert (again.args, {key: getattr(again, key) for key in given}) == (("what happened",), given)
    assert again.__notes__ == ["a note"]
    assert isinstance(again, CMRError | OrderWarning)


def test_what_the_package_exports_is_the_blocking_client() -> None:
    assert cmr_async.Client.__module__ == "cmr_async.sync.client"
