"""The fuzz targets: everything that reads what strangers wrote. Each one may end in an error of ours, and no other.

A target checks what must hold whatever it is given: a fault has one line to show, no order of a file pays unless
the caller says so, and what passes every check can be sent.
"""

from __future__ import annotations

import asyncio
import sqlite3
import warnings
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import attrs
import orjson
from hypothesis import strategies as st

from cmr_async import AsyncClient, RetryPolicy, Timeouts
from cmr_async.bulk import answers
from cmr_async.cli.commands.reconcile import _events as read_events
from cmr_async.cli.journal_reading import opened_journal
from cmr_async.core.endpoints import ENDPOINTS
from cmr_async.core.exchange import Exchange, Phase, Request
from cmr_async.core.judge import Outcome, judge, retry_after
from cmr_async.core.order.domain_names import name_caution, normalise_domain
from cmr_async.core.printable import printable
from cmr_async.core.redact import Redactor
from cmr_async.core.wire import read_order_created
from cmr_async.errors import CMRError, ConfigurationError, OrderFileError
from cmr_async.journal.journal import Journal
from cmr_async.journal.states import Step, StepState
from cmr_async.models.requests import OrderRequest
from cmr_async.orderfiles import InputFault, LocatedOrder, OrderFile
from cmr_async.preflight.file_check import check_file
from cmr_async.preflight.journal_check import JournalCheck
from cmr_async.preflight.plan import count_orders
from cmr_async.preflight.prices import Budget, read_prices
from tests.fuzz import inputs

KEY = "a-key-of-some-length"


@attrs.frozen(kw_only=True)
class Target:
    """Something that reads, and what it is given."""

    #: Share of all examples, in percent.
    share: int
    #: What it is given.
    given: st.SearchStrategy[Any]
    #: Reads it in a folder of its own.
    read: Callable[[Any, Path], None]


# Answers

_BODIES = st.one_of(
    inputs.json_values.map(orjson.dumps),
    st.dictionaries(st.sampled_from(["status", "message", "data"]), inputs.json_values).map(orjson.dumps),
    inputs.edited(
        [path.read_bytes() for path in sorted((Path(__file__).parent.parent / "samples").glob("*.json"))],
        [b"{", b"}", b"[", b"]", b'"', b"\\u0061", b"\\ud800", b"\xff", b"null", b"1e999", b"[" * 2000, KEY.encode()],
    ),
)
_EXCHANGES = st.builds(
    Exchange,
    phase=st.just(Phase.COMPLETE) | st.sampled_from(Phase),
    status=st.sampled_from([200, 201, 400, 401, 402, 409, 422, 429, 500, 502]) | st.none() | st.integers(-1, 1000),
    headers=st.dictionaries(st.sampled_from(["retry-after", "date"]), st.text(max_size=9) | st.sampled_from(
        ["1", "1e400", "-0", "nan", "9" * 400, "Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 99999 07:28:00 GMT"]
    )),
    body=_BODIES,
    failure=st.none() | st.just("the connection was reset"),
    too_long=st.booleans(),
    redactor=st.just(Redactor(KEY)),
)  # fmt: skip
_CALLS = st.sampled_from(sorted(ENDPOINTS))


def _read_answer(given: tuple[str, Exchange], _: Path) -> None:
    name, exchange = given
    judgement = judge(Request(endpoint=ENDPOINTS[name], subject=lambda: "The call", pays=True), exchange)
    retry_after(exchange.headers)
    if judgement.error is not None:
        assert isinstance(judgement.error, CMRError)
        assert KEY not in str(judgement.error)
        assert KEY not in repr(judgement.error)
        assert printable(judgement.error.message) == judgement.error.message
    if judgement.outcome is Outcome.ACCEPTED and name == "orders.create":
        assert judgement.envelope is not None
        assert read_order_created(judgement.envelope).order_id.strip()


def _read_data(data: Any, _: Path) -> None:
    """Read plain data as reconciliation does."""
    answers.read_domains(data)
    answers.names_user(data, "U1")
    answers.read_subscriptions(data)
    answers.time_of(data)
    if isinstance(data, dict):
        answers.is_last_page(data, page=1, rows=10, seen=10)
        for read in (answers.event_name, answers.event_data, answers.event_domains, answers.event_addresses):
            read(data)


# Names and secrets


def _read_text(text: str, _: Path) -> None:
    domain = normalise_domain(text)
    if domain is not None:
        assert domain.isascii()
        assert normalise_domain(domain) == domain
        assert (name_caution(text, domain) is None) <= (text == domain)
    assert printable(text).isprintable()
    assert KEY not in Redactor(KEY).text(text)


_LETTERS = "aB1.-\u0430\uff41\u00fc\u200b\u3002\u00ad\ufe0f\u0660\u0915\u094d\u200d\u05d0 "
_TEXTS = st.one_of(
    st.text(_LETTERS, max_size=12).map(lambda text: text + ".com"),
    st.text(max_size=30),
    st.lists(st.sampled_from([KEY, '"password":"', "\\u0061", "postgresql://u:p@h/", "token=", "%61", "&#97;", "\\"])
             | st.text(max_size=3), max_size=8).map("".join),
    st.sampled_from(["\u0660", "a", "password=", "//:", '{"', "&amp;"]).map(lambda text: text * 20_000),
)  # fmt: skip

# Settings

_JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.floats(), st.text(max_size=8), st.binary(max_size=4),
    st.lists(st.text(max_size=2), max_size=2), st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2),
    st.just(object()), st.just(10**400),
)  # fmt: skip
_URLS = st.sampled_from(
    ["https://a.example/v1", "http://127.0.0.1:1/", "http://a.example", "https://u:p@h/", "https://h:99999/", "//h",
     "https://[::1", "https://\u0430.com", "https://h?a", "https://h/" + "a" * 5000, "https://\u0660.com", "HTTPS://h"]
)  # fmt: skip
_SETTINGS = st.fixed_dictionaries(
    {"api_key": st.just(KEY) | _JUNK | st.just(lambda: KEY) | st.just(lambda: 1)},
    optional={
        "base_url": _URLS | _JUNK, "key_header": st.sampled_from(["x-key", "Host", "a b", "a\r\nb"]) | _JUNK,
        "gap": _JUNK, "timeouts": _JUNK, "retry": _JUNK, "session": _JUNK, "connector": _JUNK,
        "connector_factory": _JUNK, "headers": _JUNK, "proxy": _URLS | _JUNK, "proxy_headers": _JUNK, "ssl": _JUNK,
        "trust_env": _JUNK, "resolver": _JUNK, "local_addr": _JUNK | st.tuples(_JUNK, _JUNK), "trace_configs": _JUNK,
        "allow_plain_http": _JUNK, "max_answer": _JUNK,
        "endpoints": _JUNK | st.dictionaries(_CALLS | st.text(max_size=3), _JUNK | st.just("/a"), max_size=2),
    },
)  # fmt: skip
_FIELDS = [(kind, field.name) for kind in (Timeouts, RetryPolicy) for field in attrs.fields(kind)]


def _read_settings(settings: dict[str, Any], _: Path) -> None:
    with warnings.catch_warnings(), suppress(ConfigurationError):
        warnings.simplefilter("ignore")
        assert KEY not in repr(AsyncClient(**settings))


def _read_policy(given: tuple[tuple[Any, str], Any], _: Path) -> None:
    (kind, name), value = given
    with suppress(ConfigurationError):
        kind(**{name: value})


# Files


def _one_line(fault: InputFault) -> None:
    assert printable(str(fault)).isprintable()
    assert fault.message


def _read_orders(suffix: str) -> Callable[[bytes, Path], None]:
    def read(content: bytes, folder: Path) -> None:
        path = folder / f"orders{suffix}"
        path.write_bytes(content)
        with suppress(OrderFileError), OrderFile(path) as file:
            _check(file)

    return read


def _check(file: OrderFile, known: JournalCheck | None = None) -> None:
    read = check_file(file.orders(user_id="U1", confirm=False))
    checked = list(read if known is None else known.compare(read))
    for order in checked:
        if order.checked is not None:
            assert order.checked.request.order.confirm is False
            assert b'"confirm":true' not in order.checked.body
    count_orders(checked, on_fault=_one_line, on_caution=_one_line)


def _read_events_file(content: bytes, folder: Path) -> None:
    path = folder / "events.jsonl"
    path.write_bytes(content)
    with suppress(ConfigurationError):
        for event in read_events(path):
            _read_data(event, folder)


_AMOUNTS: st.SearchStrategy[Any] = st.sampled_from(
    [3, 2.5, "1e999999", "1e-999999", "NaN", "sNaN", "-0", 1e300, "9" * 5000, None, True, -1, []]
)
_LISTS = st.dictionaries(
    st.sampled_from(["mailbox", "warmup", "domain", "other"]) | st.just("endings"),
    _AMOUNTS | st.dictionaries(st.sampled_from(["com", ".com", "", "COM", "\x1b"]), _AMOUNTS, max_size=2),
    max_size=4,
).map(orjson.dumps)
_PRICES = _LISTS | inputs.edited(
    [b'{"mailbox": 3, "warmup": 2.5, "domain": 15, "endings": {"com": 14.5}}'],
    [
        b"{",
        b"[",
        b'"',
        b"-1",
        b"1e999999",
        b'"1e999999"',
        b'"NaN"',
        b"true",
        b"null",
        b"[" * 2000,
        b"9" * 5000,
        b"\xff",
    ],
)


def _read_prices_file(content: bytes, folder: Path) -> None:
    path = folder / "prices.json"
    path.write_bytes(content)
    with suppress(ConfigurationError):
        prices = read_prices(path)
        cost = prices.cost(domains=[("a.com", 9999), ("b.net", 1)], mailboxes=100_000, warmups=100_000)
        assert Budget(prices=prices).take(cost) is None
        assert len(f"{cost:,.2f}") < 50


# Journals

_HOSTILE = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text(max_size=5), st.binary(max_size=5),
    st.sampled_from(["accepted", "sent", "unknown", "create", "process", "{}", "[]", '{"domains":1}', "[" * 3000,
                     "9" * 5000, "\x1b[2J", "x" * 100_000, "2026-01-01", "placed", -1, 1e300]),
)  # fmt: skip
_TABLES = {"orders": None, "steps": None, "events": None, "runs": None, "slots": None, "meta": None}
_CELLS = st.lists(
    st.tuples(st.sampled_from(sorted(_TABLES)), st.integers(0, 30), st.integers(0, 20), _HOSTILE),
    min_size=1,
    max_size=3,
)
_CUTS = st.lists(st.tuples(st.integers(0, 200_000), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4)
_NONE = st.just(())
_CHANGES = st.fixed_dictionaries({"cuts": _NONE, "cells": _CELLS}) | st.fixed_dictionaries(
    {"cuts": _CUTS, "cells": _NONE}
)
_ORDERS = b"user_id,reference,domain\nU1,A,a.com\nU1,B,b.com\nU1,C,c.com\n"


def make_journal(folder: Path) -> None:
    """Make a journal with several states, which does not know its file: a copy of it is taken for a new one."""
    orders = folder / "orders.csv"
    orders.write_bytes(_ORDERS)
    asyncio.run(_make(folder / "sound.db", orders))
    with closing(sqlite3.connect(folder / "sound.db")) as connection, connection:
        connection.execute("DELETE FROM cmr_meta WHERE name = 'file'")
        connection.execute("PRAGMA journal_mode = DELETE")


async def _make(path: Path, file: Path) -> None:
    requests: list[OrderRequest] = []
    with OrderFile(file) as source:
        requests += [order.request for order in source.orders() if isinstance(order, LocatedOrder)]
    async with Journal(path) as journal:
        await journal.add(requests)
        for key, state in (("A", StepState.ACCEPTED), ("B", StepState.UNKNOWN)):
            claim = await journal.claim(key)
            assert claim is not None
            await journal.record(claim, state, order_id=f"ORD-{key}", message="said", attempts=1)


def _read_journal(given: Mapping[str, Any], folder: Path) -> None:
    path = folder / "changed.db"
    for beside in folder.glob("changed.db*"):
        beside.unlink()
    content = bytearray((folder / "sound.db").read_bytes())
    for at, some in given["cuts"]:
        content[at % len(content) : at % len(content) + len(some)] = some
    path.write_bytes(content)
    path.chmod(0o600)
    if given["cells"]:
        _put(path, given["cells"])
    with suppress(CMRError), opened_journal(str(path)) as reader:
        for step in Step:
            reader.counts(step)
        for entry in reader.entries(*Step):
            assert isinstance(entry.state, StepState)
    with suppress(CMRError), JournalCheck(path) as known, OrderFile(folder / "orders.csv") as file:
        _check(file, known)


def _put(path: Path, cells: list[tuple[str, int, int, Any]]) -> None:
    """Put values into cells of tables that have lost every constraint."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for table, column, row, value in cells:
            connection.execute(f"CREATE TABLE bare AS SELECT * FROM cmr_{table}")
            connection.execute(f"DROP TABLE cmr_{table}")
            connection.execute(f"ALTER TABLE bare RENAME TO cmr_{table}")
            columns = [name for _, name, *_ in connection.execute(f"PRAGMA table_info(cmr_{table})")]
            where = f"WHERE rowid = 1 + {row} % (SELECT count(*) + 1 FROM cmr_{table})"
            connection.execute(f"UPDATE cmr_{table} SET {columns[column % len(columns)]} = ? {where}", (value,))


TARGETS: Mapping[str, Target] = {
    "answers": Target(share=28, given=st.tuples(_CALLS, _EXCHANGES), read=_read_answer),
    "data": Target(share=8, given=inputs.json_values, read=_read_data),
    "names and secrets": Target(share=8, given=_TEXTS, read=_read_text),
    "settings": Target(share=10, given=_SETTINGS, read=_read_settings),
    "timeouts and retries": Target(share=3, given=st.tuples(st.sampled_from(_FIELDS), _JUNK), read=_read_policy),
    "csv": Target(share=12, given=inputs.csv_files, read=_read_orders(".csv")),
    "json": Target(share=10, given=inputs.json_files, read=_read_orders(".json")),
    "jsonl": Target(share=7, given=inputs.json_lines, read=_read_orders(".jsonl")),
    "xlsx": Target(share=3, given=inputs.xlsx_files, read=_read_orders(".xlsx")),
    "gzip": Target(share=3, given=inputs.compressed(inputs.csv_files), read=_read_orders(".csv.gz")),
    "unnamed": Target(share=2, given=inputs.json_files | inputs.csv_files | inputs.xlsx_files, read=_read_orders("")),
    "events": Target(share=2, given=inputs.json_lines, read=_read_events_file),
    "prices": Target(share=2, given=_PRICES, read=_read_prices_file),
    "journals": Target(share=2, given=_CHANGES, read=_read_journal),
}  # fmt: skip
