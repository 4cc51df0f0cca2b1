"""A journal's work written down: the SQL that a real journal sends to SQLite, and when the outside learned something.

A script draws what happens to some orders: claims, answers, crashes, openings, verdicts. The journal is the package's
own, on a file of the real disk. What it said to SQLite is then played on a disk that loses its power.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import attrs
import orjson

from cmr_async.core.account import Account
from cmr_async.journal.journal import Claim, Journal, Step, StepState, Verdict
from cmr_async.journal.liveness import LEASE, Machine, RunRecord
from cmr_async.journal.storage.clock import Clocks
from cmr_async.journal.storage.database import Outside
from cmr_async.journal.storage.schema import sa, steps
from cmr_async.webhooks import Event, Receiver, sign
from tests.fakes import USER, Clock, make_request, wait_for_slot
from tests.journal.arrange import vanish
from tests.world.store import EFFECTS

ACCOUNT = Account(origin="https://api.example", fingerprint="0123456789abcdef")
#: Journals of older versions, as SQL text.
SAMPLES = Path(__file__).parents[1] / "samples"
#: What the journal writes down about its file.
_ANOTHER = '{"device":1,"inode":2,"born":3,"marked":false}'
_OF_THE_FILE = re.compile(r'\{"device":[^}]*\}')
#: Name of the journal, on the real disk and on the other.
FILE = "run.db"


@attrs.frozen
class Said:
    """One statement, as SQLite got it, with its values."""

    #: Number of the connection, from 0.
    connection: int
    sql: str


@attrs.frozen
class Left:
    """A claim was returned, so the request may leave, and the order may be placed from here on."""

    key: str
    step: str
    token: str


@attrs.frozen
class Unharmed:
    """It turned out that the attempt placed nothing."""

    token: str


@attrs.frozen
class Known:
    """An outcome was returned, so the user was told."""

    key: str
    step: str
    token: str
    change: str
    order_id: str | None


@attrs.frozen
class Died:
    """The process ended without a word; what it had given to the system stays."""


@attrs.frozen
class Answered:
    """The delivery of an event was answered with 2xx, so it never comes again."""

    event: str


Mark = Left | Unharmed | Known | Died | Answered


@attrs.frozen(kw_only=True)
class Recording:
    """What a journal said to SQLite."""

    #: The files as they were when the journal connected to them first.
    start: Mapping[str, bytes]
    #: What had been told by then.
    told: tuple[Mark, ...]
    entries: tuple[Said | Mark, ...]


class _Log:
    """Listens to every connection to one file."""

    def __init__(self, path: Path) -> None:
        self.entries: list[Said | Mark] = []
        self.start: dict[str, bytes] = {}
        #: The process has died: what the journal says now is only to clean up behind it.
        self.is_deaf = False
        self._path = str(path)
        self._connections = 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        real = sqlite3.dbapi2.connect

        def connect(database: str, **options: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = real(database, **options)
            if database == self._path:
                if not self.start:
                    beside = [path for path in (Path(database), Path(f"{database}-wal")) if path.exists()]
                    self.start = {path.name: path.read_bytes() for path in beside}
                number, self._connections = self._connections, self._connections + 1
                connection.set_trace_callback(lambda sql: self._hear(number, sql))
            return connection

        with mock.patch.object(sqlite3.dbapi2, "connect", connect):
            yield

    def _hear(self, connection: int, sql: str) -> None:
        if not self.is_deaf:
            self.entries.append(Said(connection, _OF_THE_FILE.sub(_ANOTHER, sql)))


class _Machine(Machine):
    """A machine that is the same for each seed, and has one process."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.open_runs = set()
        self._ids = Random(seed)

    def this_process(self, *, lease: float = LEASE) -> RunRecord:
        return RunRecord(id=self.new_token(), host="host", machine="0" * 32, pid=1, born="1", lease=lease)

    def birth(self, pid: int) -> str | None:
        return "1"

    def new_token(self) -> str:
        return f"{self._ids.getrandbits(128):032x}"


class _NoClocks(Clocks):
    """The clocks of a machine that does not tell when it was started."""

    def start(self) -> str | None:
        return None


class _Script:
    """Draws what happens, and does it to a journal, one thing after the other."""

    def __init__(self, path: Path, rng: Random, log: _Log) -> None:
        self._path = path
        self._rng = rng
        self._log = log
        self._clock = Clock()
        self._orders = 0
        self._ids = 0
        self._events = 0
        #: Steps that can be claimed, claims on their way, and steps in doubt with the claim and whether it was placed.
        self._ready: list[tuple[str, Step]] = []
        self._under_way: list[Claim] = []
        self._doubtful: list[tuple[Claim, bool]] = []
        self._outside = Outside(clocks=_NoClocks(), machine=_Machine(rng.getrandbits(64)))
        self._journal = self._made()

    def _made(self) -> Journal:
        return Journal(self._path, clock=self._clock, _outside=self._outside)

    async def play(self, turns: int) -> None:
        acts: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (40, self._claim),
            (40, self._answer),
            (4, self._add),
            (8, self._reconcile),
            (6, self._deliver),
            (3, self._beat),
            (3, self._process),
            (3, self._crash),
            (1, self._reopen),
        ]
        await self._open()
        await self._add()
        for _ in range(turns):
            [act] = self._rng.choices([act for _, act in acts], weights=[weight for weight, _ in acts])
            await act()
            self._clock.now += self._rng.random()
        await self._journal.close()

    async def _open(self) -> None:
        await self._journal.start()
        assert self._journal._heart is not None
        self._journal._heart.cancel()  # it would beat at any time, also between two recordings of one seed
        await self._journal.bind(ACCOUNT)

    async def _add(self) -> None:
        some = self._rng.choice((1, 3, 12))
        names = range(self._orders, self._orders + some)
        requests = [make_request(number, confirm=self._rng.random() < 0.7) for number in names]
        await self._journal.add(requests, start=self._orders)
        self._orders += some
        self._ready += [(str(number), Step.CREATE) for number in names]

    async def _claim(self) -> None:
        if not self._ready:
            return
        self._slot, _ = await wait_for_slot(self._journal.shared_pace("pace"), self._clock.sleep, gap=0.203)
        key, step = self._ready.pop(self._rng.randrange(len(self._ready)))
        claim = await self._journal.claim(key, step=step)
        assert claim is not None, f"{key} should be free"
        self._log.entries.append(Left(key, step, claim.token))
        self._under_way.append(claim)

    async def _answer(self) -> None:
        if not self._under_way:
            return
        claim = self._under_way.pop(self._rng.randrange(len(self._under_way)))
        outcome = self._rng.choice((*StepState,)[2:])
        if outcome in {StepState.NOT_SENT, StepState.REJECTED}:
            self._log.entries.append(Unharmed(claim.token))
        order_id = None
        more: dict[str, Any] = {"message": "said", "status": 400, "attempts": 1}
        match outcome:
            case StepState.ACCEPTED:
                self._ids += 1
                order_id = f"ORDER{self._ids:023d}"
                more |= {"status": 200, "order_id": order_id, "unavailable": ("taken.com",), "action_id": "ACT_1"}
            case StepState.UNKNOWN:
                more |= {"status": 502, "body_excerpt": "<html>" * self._rng.choice((1, 50))}
                self._doubtful.append((claim, self._rng.random() < 0.5))
            case StepState.NOT_SENT:
                await self._journal.shared_pace("pace").refused(self._slot, 0.5)
                self._ready.append((claim.key, claim.step))
            case _:
                pass
        assert await self._journal.record(claim, outcome, **more)
        self._log.entries.append(Known(claim.key, claim.step, claim.token, outcome, order_id))

    async def _reconcile(self) -> None:
        if not self._doubtful:
            return
        claim, was_placed = self._doubtful.pop(self._rng.randrange(len(self._doubtful)))
        entry = await self._journal.get(claim.key, step=claim.step)
        assert entry is not None
        if was_placed:
            self._ids += 1
            order_id = f"ORDER{self._ids:023d}"
            await self._journal.verdict(entry, Verdict.PLACED, "its domain is listed", order_id=order_id)
        else:
            self._log.entries.append(Unharmed(claim.token))
            await self._journal.verdict(entry, Verdict.ABSENT, "nothing of it is listed")
            await self._journal.resubmit(claim.key, step=claim.step)
            self._ready.append((claim.key, claim.step))

    async def _deliver(self) -> None:
        """Deliver an event, or once more the one before."""
        self._events += self._events == 0 or self._rng.random() < 0.8
        event, name = f"E{self._events}", f"d{self._events}.com"
        data = {"orderId": "ORDER", "userId": USER, "email": f"ada@{name}"}
        body = orjson.dumps({"event": "mailbox.created", "eventId": event, "data": data})
        taker = Receiver(self._journal, keys="key", fallback=_have_effect, now=self._clock)
        reply = await taker.receive(body, sign(body, key="key", now=self._clock()))
        assert reply.status == 200, reply.text
        self._log.entries.append(Answered(event))

    async def _beat(self) -> None:
        await self._journal.beat()

    async def _process(self) -> None:
        await self._journal.add_processing()
        known = {(key, step) for key, step in self._ready}
        planned = [entry async for entry in self._journal.entries(step=Step.PROCESS, state=StepState.PLANNED)]
        self._ready += [(entry.key, Step.PROCESS) for entry in planned if (entry.key, Step.PROCESS) not in known]

    async def _crash(self) -> None:
        self._log.is_deaf = True
        await vanish(self._journal)
        self._log.is_deaf = False
        self._log.entries.append(Died())
        await self._begin_again()

    async def _reopen(self) -> None:
        await self._journal.close()
        await self._begin_again()

    async def _begin_again(self) -> None:
        self._doubtful += [(claim, self._rng.random() < 0.5) for claim in self._under_way]
        self._under_way.clear()
        self._journal = self._made()
        await self._open()


def _have_effect(event: Event, transaction: sa.Connection) -> None:
    transaction.execute(sa.schema.CreateTable(EFFECTS, if_not_exists=True))
    transaction.execute(sa.insert(EFFECTS).values(event=event.event_id))


def record(folder: Path, seed: int, *, turns: int) -> Recording:
    """Let a script of a seed happen to a journal in an empty folder; return what the journal said to SQLite.

    Every fourth script goes on with a journal that an older version left behind.
    """
    path = folder.absolute() / FILE
    rng, log = Random(seed), _Log(path)
    told = _leave_older(path, rng.choice(("1", "2"))) if seed % 4 == 0 else ()
    # The indexes of a table are a set, so they would be made in any order
    indexes = sorted(steps.indexes, key=lambda index: str(index.name))
    with mock.patch.object(steps, "indexes", indexes), log.listening():
        asyncio.run(_Script(path, rng, log).play(turns))
    return Recording(start=log.start, told=told, entries=tuple(log.entries))


def _leave_older(path: Path, version: str) -> tuple[Mark, ...]:
    """Leave the journal of an older version, in WAL mode and by a process that died; return what it had told."""
    sample = SAMPLES / f"journal-schema-{version}.sql"
    with TemporaryDirectory() as folder, closing(sqlite3.connect(Path(folder) / FILE, isolation_level=None)) as made:
        made.execute("PRAGMA journal_mode = WAL").close()
        made.executescript(sample.read_text(encoding="utf-8"))
        for left in Path(folder).iterdir():
            if not left.name.endswith("-shm"):
                shutil.copy(left, path.with_name(left.name))
        path.chmod(0o600)
        return tuple(_told(made.execute("SELECT key, step, change, token, order_id FROM cmr_events ORDER BY id")))


def _told(rows: Iterable[tuple[str, str, str, str | None, str | None]]) -> Iterator[Mark]:
    tokens: dict[tuple[str, str], str] = {}
    for key, step, change, token, order_id in rows:
        if change == StepState.SENT and token is not None:
            tokens[key, step] = token
            yield Left(key, step, token)
        elif token is not None:
            yield Known(key, step, token, change, order_id)
        if change in {StepState.PLANNED, StepState.NOT_SENT, StepState.REJECTED}:
            yield Unharmed(tokens[key, step])
