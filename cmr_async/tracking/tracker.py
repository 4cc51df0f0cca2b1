"""One sweep for all who wait: whoever waits for an order adds it to a table, and one task reads for all of them.

It makes one read every few seconds, whatever number of orders is open: a page of a list that shows the orders of all
users, now and then a single order that no list has shown as done. What webhooks brought comes from a journal into the
same table.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from time import time
from typing import TYPE_CHECKING

import attrs

from ..errors import CMRError, ConfigurationError
from ..models import Envelope
from ..models.progress import OrderProgress, OrderToken
from ..models.tracking import Provision, ProvisionKind, ProvisionState, Sighting
from ..pipeline import Pipeline, check_duration
from .looks import Looks
from .rows import Row, order_word, page_length, read_rows
from .settings import TrackingSettings
from .sources import PAGE_SIZE, Lists, ask, fields_of, pages_of
from .table import OpenOrder, OrderTable
from .watch import Watch

if TYPE_CHECKING:
    from ..journal.tracking import TrackingRecords

#: Seconds between two looks into a journal for what others wrote there.
_LISTEN_EVERY = 1.0
#: Of so many orders a journal is asked for what it knows of each; with more of them for all that is new in it.
_NAMED_AT_MOST = 500
_OF_A_SIGHTING = tuple(field.name for field in attrs.fields(Sighting))
#: What a user has: its name in messages, and the endpoint that lists it.
_USER_LISTS = {
    ProvisionKind.MAILBOX: ("mailboxes", "mailboxes.by_user"),
    ProvisionKind.DOMAIN: ("domains", "domains.by_user"),
}
#: Of so many reads one may be a single look, as long as lists can be read.
_SINGLE_EVERY = 4


class Tracker:
    """Everything that one client waits for."""

    def __init__(
        self, pipeline: Pipeline, settings: TrackingSettings | None = None, *, wall_clock: Callable[[], float] = time
    ) -> None:
        """Track orders with the calls of one client.

        Args:
            pipeline: Its pipeline.
            settings: How to wait; `None`: the defaults.
            wall_clock: Returns the UTC epoch in seconds, to tell how old an order is.
        """
        self._pipeline = pipeline
        self._settings = settings or TrackingSettings()
        self._wall_clock = wall_clock
        self._table = OrderTable()
        self._watches: dict[str, set[Watch]] = {}
        self._lists = Lists(pipeline, self._settings)
        self._sweep: asyncio.Task[None] | None = None
        #: Until when the sweep sleeps, because no order is due before; 0: it reads, or there is none.
        self._idle_until = 0.0
        self._looks = Looks(self._settings)
        self._reads = 0

    def token(self, token: OrderToken) -> OrderToken:
        """Return a token that is bound to the API of this client.

        Raises:
            ConfigurationError: It is bound to another one, or is no token.
        """
        if not isinstance(token, OrderToken):
            raise ConfigurationError(
                "An order is waited for by its OrderToken, from `orders.token(...)` or `OrderToken.from_json(...)`; "
                f"`wait` takes its id as well: got {type(token).__name__}."
            )
        account = self._pipeline.account
        origin = "" if account is None else account.origin
        if token.origin and origin and token.origin != origin:
            raise ConfigurationError(
                f"Order {token.order_id} belongs to {token.origin}, and this client works with {origin}."
            )
        return attrs.evolve(token, origin=origin or token.origin)

    async def follow(
        self,
        tokens: Iterable[OrderToken],
        *,
        timeout: float | None = None,
        changes: bool = False,
        records: TrackingRecords | None = None,
        more: Callable[[], AsyncGenerator[OrderToken, None]] | None = None,
    ) -> AsyncGenerator[OrderProgress, None]:
        """Yield each order once it is settled, and those that are not when the time is over.

        Args:
            tokens: The orders.
            timeout: Seconds to wait; `None`: until all are settled.
            changes: Yield an order also whenever more is known of it.
            records: What a journal keeps: read at first and every second, and told what the sweep sees.
            more: Yields further orders of the journal; asked every second.
        """
        check_duration("timeout", timeout)
        if isinstance(tokens, OrderToken | str | bytes) or not isinstance(tokens, Iterable):
            raise ConfigurationError(f"Pass the tokens of several orders, such as a list: got {type(tokens).__name__}.")
        watch = Watch(records is not None)
        ends = None if timeout is None else self._pipeline.clock() + timeout
        given = [self.token(token) for token in tokens]
        try:
            for token in given:
                self._add(token, watch)
            async with aclosing(self._listening(watch, records, more, ends)) as turns:
                async for _ in turns:
                    for progress in await _written(watch, watch.take(), records):
                        if progress.is_settled:
                            self._remove(progress.order_id, watch)
                        if changes or progress.is_settled:
                            yield progress
            left = [self._table.orders[order_id].progress for order_id in watch.open]
            for progress in await _written(watch, left, records):
                yield progress
        finally:
            for order_id in tuple(watch.open):
                self._remove(order_id, watch)
            if not self._table.orders:
                self._pipeline.refusals.clear()
                await self.close()

    async def _listening(
        self,
        watch: Watch,
        records: TrackingRecords | None,
        more: Callable[[], AsyncGenerator[OrderToken, None]] | None,
        ends: float | None,
    ) -> AsyncGenerator[None, None]:
        """Yield whenever something may have changed, until everything is settled or the time is over."""
        heard = 0.0
        while True:
            if more is not None:
                async for token in more():
                    self._add(self.token(token), watch)
            if records is not None:
                heard = await self._hear(watch, records, heard)
            yield
            if not watch.open:
                return
            if watch.failure is not None:
                raise watch.failure  # what ended the sweep, such as a closed client, ends the waiting
            self._begin()
            left = None if ends is None else ends - self._pipeline.clock()
            if left is not None and left <= 0:
                return
            pause = _LISTEN_EVERY if records is not None else left
            await self._wait(watch, pause if left is None or pause is None else min(pause, left))

    async def _hear(self, watch: Watch, records: TrackingRecords, since: float) -> float:
        """Take over what a journal knows; return the time of the newest of it."""
        unheard, watch.unheard = watch.unheard, set()
        heard: list[Provision] = []
        if since:  # events may come before the answer to their order is recorded, and so before it is waited for
            heard += [each async for each in records.provisions(order_ids=unheard)]
        own = watch.open if len(watch.open) <= _NAMED_AT_MOST else None
        async for provision in records.provisions(since=since, order_ids=own):
            since = max(since, provision.changed_at)
            heard.append(provision)
        ours = [each for each in heard if each.order_id in watch.open]
        for order in self._table.apply(
            Sighting(**{name: getattr(each, name) for name in _OF_A_SIGHTING}) for each in ours
        ):
            self._tell(order)
        return since

    async def _wait(self, watch: Watch, seconds: float | None) -> None:
        """Wait until something changed, for some seconds at most."""
        waits = {asyncio.ensure_future(watch.wait())}
        if seconds is not None:
            waits.add(asyncio.ensure_future(self._pipeline.sleep(seconds)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    def _add(self, token: OrderToken, watch: Watch) -> None:
        watches = self._watches.setdefault(token.order_id, set())
        if watch not in watches:
            watches.add(watch)
            watch.open.add(token.order_id)
            watch.unheard.add(token.order_id)
        new, order = self._new(token), self._table.orders.get(token.order_id)
        if new.look_from < self._idle_until and self._sweep is not None:
            self._sweep.cancel()  # it sleeps until an order that comes later is due
            self._sweep, self._idle_until = None, 0.0
            self._begin()
        if order is None:
            self._table.add(new)
        elif self._table.learn(token):
            order.look_from, order.single_at = min(order.look_from, new.look_from), min(order.single_at, new.single_at)
            self._tell(order)
        watch.tell(self._table.orders[token.order_id].progress)

    def _new(self, token: OrderToken) -> OpenOrder:
        """Return an order that nobody waited for before."""
        settings, now = self._settings, self._pipeline.clock()
        # Most of those of which it is not known when they were accepted were accepted just now
        age = max(0.0, self._wall_clock() - token.placed_at) if token.placed_at else 0.0
        return OpenOrder(
            token=token,
            look_from=now + max(0.0, settings.first_look - age),
            single_at=now + max(0.0, (settings.single_look if token.mailboxes else settings.first_look) - age),
            single_gap=settings.single_look,
        )

    def _remove(self, order_id: str, watch: Watch) -> None:
        watch.open.discard(order_id)
        watch.unheard.discard(order_id)
        watches = self._watches.get(order_id, set())
        watches.discard(watch)
        if not watches:
            self._watches.pop(order_id, None)
            order = self._table.orders.get(order_id)
            self._table.remove(order_id)
            if order is not None:
                self._forget(order.token)

    def _forget(self, token: OrderToken) -> None:
        """Forget what was noted for an order that nobody waits for any more."""
        domains = {(ProvisionKind.DOMAIN, name) for name in token.domains}
        boxes = {(ProvisionKind.MAILBOX, name) for name in token.mailboxes}
        gone = {(kind, name) for kind, name in domains | boxes if not any(self._table.of_name(kind, name, None))}
        self._lists.forget(gone | {(ProvisionKind.MAILBOX, f"*@{name}") for kind, name in gone & domains})
        self._looks.forget(token.user_id, self._table.orders.values())

    def _tell(self, order: OpenOrder) -> None:
        progress = order.progress
        for watch in self._watches.get(order.token.order_id, ()):
            watch.tell(progress)

    def _begin(self) -> None:
        if self._sweep is None or self._sweep.done():
            self._sweep = asyncio.get_running_loop().create_task(self._sweep_on())

    async def close(self) -> None:
        """End the sweep; whoever waits begins another one, which a closed client ends at once."""
        sweep, self._sweep, self._idle_until = self._sweep, None, 0.0
        if sweep is not None:
            sweep.cancel()
            await asyncio.wait([sweep])
        for watch in self._everybody():
            watch.wake()

    def _everybody(self) -> set[Watch]:
        return {watch for watches in self._watches.values() for watch in watches}

    async def _sweep_on(self) -> None:
        """Read for all who wait, and tell all of them what ends it."""
        try:
            await self._read_on()
        except Exception as failure:  # noqa: BLE001 - each of them raises it
            for watch in self._everybody():
                watch.wake(failure)

    async def _read_on(self) -> None:
        clock, sleep = self._pipeline.clock, self._pipeline.sleep
        while self._table.orders:
            self._pipeline.transport.check_usable()
            began = clock()
            first = min(order.look_from for order in self._table.orders.values())
            if began < first:
                self._idle_until = first
                await sleep(first - began)
                self._idle_until = 0.0
                continue
            await self._read()
            await sleep(max(0.0, self._settings.read_every - (clock() - began)))

    async def _read(self) -> None:
        """Make the one read of this turn."""
        self._reads += 1
        single = self._looks.due(self._table.orders.values(), self._pipeline.clock())
        wants_lists = self._lists.has_any and any(order.token.mailboxes for order in self._table.orders.values())
        if single is not None and (not wants_lists or self._reads % _SINGLE_EVERY == 0):
            await self._look_at(single)
        elif wants_lists:
            rows = await self._lists.read(lambda row: any(self._orders_of(row)))
            for order in (order for row in rows for order in self._orders_of(row) if not order.is_listed):
                order.is_listed = True
                order.single_at += self._settings.single_look
            self._take_rows(rows)

    async def _look_at(self, order: OpenOrder) -> None:
        """Look at what no list shows: at what a user has, or at one order."""
        token, now = order.token, self._pipeline.clock()
        if self._looks.is_of_user(order, now):
            await self._look_at_user(order)
            return
        self._looks.begin_of_order(order, now)
        subject = f"The status of order {token.order_id}"
        answer = await self._ask("orders.status", subject, token.user_id, {"orderId": token.order_id})
        data = fields_of(answer)
        rows = [row for row in read_rows(data, self._settings) if order in self._orders_of(row)]
        self._take_rows(rows, only=order)
        self._take_word(order, order_word(data), is_detailed=bool(rows))

    async def _look_at_user(self, order: OpenOrder) -> None:
        """Look at a page of the mailboxes of a user, or at the user's domains: they tell of all orders of that user."""
        user_id, kind, now = order.token.user_id, order.waits_for, self._pipeline.clock()
        page, query = self._looks.begin_of_user(user_id, kind), {}
        if kind is ProvisionKind.MAILBOX:
            query = {"page": str(page), "limit": str(PAGE_SIZE)}
        elif page > 1:
            query = {"page": str(page)}
        what, name = _USER_LISTS[kind]
        answer = await self._ask(name, f"The {what} of user {user_id}", user_id, query)
        data = fields_of(answer)
        rows = read_rows(data, self._settings, mailboxes=kind is ProvisionKind.MAILBOX)
        total = pages_of(answer)
        if total is None:  # then a full page may not be the last one
            total = page + 1 if page_length(data) >= PAGE_SIZE else page
        self._looks.end_of_user(order, kind, page=page, total=total, orders=self._table.orders.values(), now=now)
        self._take_rows(rows, user_id=user_id)

    async def _ask(self, name: str, subject: str, user_id: str, query: Mapping[str, str]) -> Envelope | CMRError:
        again_in = self._settings.read_every
        return await ask(self._pipeline, name, subject=subject, again_in=again_in, user_id=user_id, query=query)

    def _orders_of(self, row: Row, user_id: str | None = None) -> list[OpenOrder]:
        """Return the open orders that a row is about."""
        # A domain may have been there before; a mailbox, and a failure, belong to the order that the row names
        is_of_one = row.kind is ProvisionKind.MAILBOX or row.state is ProvisionState.FAILED
        named = row.order_id if is_of_one else None
        every = row.name.startswith("*@")  # the mailboxes of a domain, all together
        kind, name = (ProvisionKind.DOMAIN, row.name[2:]) if every else (row.kind, row.name)
        orders = self._table.of_name(kind, name, row.user_id or user_id)
        # What is seen of a domain that the API took an order without belongs to another order
        domain = name.rpartition("@")[2]
        return [
            order for order in orders if named in {None, order.token.order_id} and domain not in order.token.unavailable
        ]

    def _take_rows(self, rows: Iterable[Row], *, user_id: str | None = None, only: OpenOrder | None = None) -> None:
        sightings = [
            Sighting(
                order_id=order.token.order_id,
                kind=row.kind,
                name=row.name,
                state=row.state,
                status=row.status,
                reason=row.reason,
                user_id=order.token.user_id,
                object_id=row.object_id,
                subscription_id=row.subscription_id,
            )
            for row in rows
            for order in self._orders_of(row, user_id)
            if only in {None, order}
        ]
        self._take(sightings)

    def _take_word(self, order: OpenOrder, word: str | None, *, is_detailed: bool) -> None:
        """Take what `GET /orders/status` says about an order as a whole."""
        if word is None:
            return
        order.status = word
        if word.upper() in self._settings.failed:
            order.overall = ProvisionState.FAILED
            if not is_detailed:
                reason = f"GET /orders/status says {word}"
                waiting = order.progress.waiting
                self._take(attrs.evolve(each, state=ProvisionState.FAILED, reason=reason) for each in waiting)
        elif word.upper() in self._settings.done:
            order.overall = ProvisionState.ACTIVE
        self._tell(order)

    def _take(self, sightings: Iterable[Sighting]) -> None:
        """Take what was seen, and keep it for the journals of those who wait."""
        given = list(sightings)
        changed = {order.token.order_id for order in self._table.apply(given)}
        for sighting in given:
            if sighting.order_id in changed:
                for watch in self._watches.get(sighting.order_id, ()):
                    if watch.keeps:
                        watch.unwritten.append(sighting)
        for order_id in changed:
            self._tell(self._table.orders[order_id])


async def _written(watch: Watch, changed: list[OrderProgress], records: TrackingRecords | None) -> list[OrderProgress]:
    """Return what changed, once a journal knows what the sweep saw: what is told has to be there after any death."""
    if records is not None and watch.unwritten:
        unwritten, watch.unwritten = watch.unwritten, []
        await records.note(unwritten)
    return changed
