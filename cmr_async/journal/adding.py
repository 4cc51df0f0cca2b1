"""Adding orders to a journal: which of them it knows already, and what becomes of one that changed.

Keys alone do not tell: the same order may come without a reference from one file and with one from another, and older
versions made references up. A run and its plan look here, so that both mean the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import attrs

from ..core.order.checked import CheckedOrder
from ..errors import Fault, JournalConflictError
from .identity import content_of, differences, fingerprint_of, is_made_up, key_of, kind_of, normal_reference
from .records import JournalEntry, storable
from .states import CLAIMABLE, REPLACEABLE, Step, StepState, may_be_replaced
from .storage.schema import events, insert_missing, orders, sa, steps
from .storage.statements import IS_CREATE, THE_KEYS, Transaction, chunks, entries, read_entry, typed

#: Differences that one message shows.
_SHOWN = 20

_CORRECTED = "corrected: the order of a later run took the place of the one that was here"

#: Any number, as long as no other program takes the same advisory lock; `schema` has its neighbour.
_ADD_LOCK = 0x636D725F6173796F

#: What orders are compared by, without the long columns.
_STANDING = (
    sa.select(steps, orders.c.reference, orders.c.user_id, orders.c.fingerprint, orders.c.content)
    .join(orders, orders.c.key == steps.c.key)
    .where(IS_CREATE)
)
_BY_KEY = _STANDING.where(steps.c.key.in_(THE_KEYS))
_BY_CONTENT = _STANDING.where(orders.c.content.in_(THE_KEYS))
_DOUBTS = (StepState.UNKNOWN.value, StepState.ACCEPTED.value)
#: Keys of orders that were unknown at any time, or of which something was reported late.
WERE_UNKNOWN: sa.Select[Any] = (
    sa.select(events.c.key)
    .where(
        events.c.key.in_(THE_KEYS),
        events.c.step == Step.CREATE.value,
        events.c.change.in_([*_DOUBTS, *(f"late:{state}" for state in _DOUBTS)]),
    )
    .distinct()
)


class Sought(Protocol):
    """An order that came now."""

    @property
    def key(self) -> str:
        """Its key: the caller's reference, or a hash of its content."""

    @property
    def reference(self) -> str | None:
        """The caller's own name for it."""

    @property
    def content(self) -> str:
        """The hash of user and order without `confirm`."""

    @property
    def domains(self) -> tuple[str, ...]:
        """Every domain of the order."""


def find_known(
    sought: Sequence[Sought],
    *,
    by_key: Callable[[Sequence[str]], Iterable[Any]],
    by_content: Callable[[Sequence[str]], Mapping[str, Sequence[Any]]],
) -> dict[str, Any]:
    """Return what the journal has of some orders, by the keys of the orders that came now.

    Args:
        sought: The orders.
        by_key: Returns the rows of these keys. A row has `key`, `reference`, `user_id`, `state` and `position`.
        by_content: Returns the rows of these contents, by content.
    """
    found = {row.key: row for row in by_key([order.key for order in sought])}
    missing = [order for order in sought if order.key not in found]
    if not missing:
        return found
    same = by_content(sorted({order.content for order in missing}))
    for order in missing:
        rows = [row for row in same.get(order.content, ()) if _same_name(order, row)]
        if rows:
            # Of several, one that was sent: it is the one that must not be bought again
            found[order.key] = min(rows, key=lambda row: (row.state in CLAIMABLE, row.position, row.key))
    return found


def _same_name(order: Sought, other: Any) -> bool:
    """Tell whether an order and another one with the same content are one order: at most one has a name of its own."""
    mine, theirs = normal_reference(order.reference), normal_reference(other.reference)
    if mine is None or theirs is None or mine == theirs:
        return True
    return is_made_up(theirs, user_id=other.user_id, domains=order.domains)


def planned(checked: CheckedOrder, *, position: int, now: float) -> JournalEntry:
    """Return the entry of a new order's `create` step.

    Raises:
        ValidationError: The reference cannot be a key.
    """
    request, kind = checked.request, kind_of(checked.order)
    return JournalEntry(
        key=key_of(checked),
        step=Step.CREATE,
        position=position,
        user_id=storable(request.user_id),
        reference=normal_reference(request.reference),
        body=checked.body.decode(),
        fingerprint=fingerprint_of(request.user_id, checked.body, kind),
        content=content_of(checked),
        kind=kind,
        confirm=checked.order.confirm,
        state=StepState.PLANNED,
        planned_at=now,
    )


def conflict(pairs: Sequence[tuple[JournalEntry, JournalEntry]], *, where: str) -> JournalConflictError:
    """Return the error for orders whose key is known with another content: pairs of the known and the given entry."""
    faults = [
        Fault(f"{known.key}: {fault.path}", fault.message)
        for known, given in pairs
        for fault in differences(stored=(known.user_id, known.body), given=(given.user_id, given.body))
    ]
    shown = "\n".join(f"  {fault}" for fault in faults[:_SHOWN])
    more = f"\n  and {len(faults) - _SHOWN} more differences" if len(faults) > _SHOWN else ""
    known, _ = pairs[0]
    subject = f"{known.key} ({known.state})" if len(pairs) == 1 else f"{len(pairs)} of these orders"
    return JournalConflictError(
        f"{where} has {subject} with another content. What came now was not added:\n"
        f"{shown}{more}\nGive a changed order another reference, or use another journal.",
        faults=tuple(faults),
    )


def add_orders(transaction: Transaction, fresh: Mapping[str, JournalEntry]) -> dict[str, JournalEntry]:
    """Insert the orders that are missing; return the entries that the journal has now, by the keys of the given.

    The journal may have an order under another key, or already in another form: then its entry is THE entry.
    """
    if transaction.connection.dialect.name == "postgresql":
        # Two processes that add one order under two keys at once would not see each other
        transaction.connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADD_LOCK)))
    known = find_known(
        list(fresh.values()), by_key=partial(_by_key, transaction), by_content=partial(_by_content, transaction)
    )
    missing: dict[str, list[JournalEntry]] = {}
    twins: dict[str, JournalEntry] = {}
    for key, given in fresh.items():
        if key not in known:
            same = missing.setdefault(given.content, [])
            twin = twins[key] = next((other for other in same if _same_name(given, other)), given)
            if twin is given:
                same.append(given)
            elif twin.fingerprint != given.fingerprint:
                raise conflict([(twin, given)], where="This input")
    _insert(transaction, [given for same in missing.values() for given in same])
    return twins | _standing(transaction, {key: (row, fresh[key]) for key, row in known.items()})


def _insert(transaction: Transaction, new: Iterable[JournalEntry]) -> None:
    rows = [attrs.asdict(entry) | {"unavailable": "[]"} for entry in sorted(new, key=lambda entry: entry.key)]
    for table in (orders, steps) if rows else ():
        names = table.c.keys()
        insert = insert_missing(table, transaction.connection.dialect.name)
        transaction.connection.execute(insert, [{name: row[name] for name in names} for row in rows])


def _by_key(transaction: Transaction, keys: Sequence[str]) -> Iterator[Any]:
    for chunk in chunks(sorted(keys)):
        yield from transaction.connection.execute(_BY_KEY, {"the_keys": chunk})


def _by_content(transaction: Transaction, contents: Sequence[str]) -> Mapping[str, Sequence[Any]]:
    found: dict[str, list[Any]] = {}
    for chunk in chunks(contents):
        for row in transaction.connection.execute(_BY_CONTENT, {"the_keys": chunk}):
            found.setdefault(row.content, []).append(row)
    return found


def _standing(transaction: Transaction, known: Mapping[str, tuple[Any, JournalEntry]]) -> dict[str, JournalEntry]:
    """Return the entries of known orders, by the keys of the given; one that changed takes its place if it may.

    Raises:
        JournalConflictError: An order changed that may have bought something.
    """
    standing: dict[str, JournalEntry] = {}
    changed: dict[str, str] = {}
    for key, (row, given) in known.items():
        if row.fingerprint != given.fingerprint:
            changed[key] = row.key
            continue
        # Equal fingerprints mean equal bodies, so the long columns need not be read back
        values = {name: getattr(row, name) for name in steps.c.keys()}  # noqa: SIM118 - no mapping
        standing[key] = attrs.evolve(given, reference=row.reference, **values | typed(row))
    conflicts = []
    stored = _locked(transaction, list(changed.values()))
    doubted = _were_unknown(transaction, list(changed.values()))
    for key, stored_key in changed.items():
        before, given = stored[stored_key], known[key][1]
        same = before.content == given.content
        if may_be_replaced(before.state, was_unknown=stored_key in doubted):
            standing[key] = stored[stored_key] = _replace(transaction, before, given, again=not same)
        elif same and before.state not in REPLACEABLE:
            standing[key] = before  # a draft and its payment: the caller sees that `confirm` differs
        else:
            conflicts.append((before, given))
    if conflicts:
        raise conflict(conflicts, where=f"The journal {transaction.journal}")
    return standing


def _locked(transaction: Transaction, keys: Sequence[str]) -> dict[str, JournalEntry]:
    """Return entries that nobody claims until this transaction ends."""
    query = entries().where(steps.c.key.in_(THE_KEYS), IS_CREATE).order_by(steps.c.key).with_for_update()
    found = (transaction.connection.execute(query, {"the_keys": chunk}) for chunk in chunks(sorted(keys)))
    return {row.key: read_entry(row) for rows in found for row in rows}


def _were_unknown(transaction: Transaction, keys: Sequence[str]) -> set[str]:
    found = (transaction.connection.scalars(WERE_UNKNOWN, {"the_keys": chunk}) for chunk in chunks(sorted(keys)))
    return {key for keys_found in found for key in keys_found}


def _replace(transaction: Transaction, before: JournalEntry, given: JournalEntry, *, again: bool) -> JournalEntry:
    """Put an order in the place of one that bought nothing; `again`: what it buys differs, so it is planned again.

    A refused order that only differs in `confirm` stays refused, since nothing says that it is right now.
    """
    content = ("user_id", "body", "fingerprint", "content", "confirm", "kind")
    values = {name: getattr(given, name) for name in content}
    transaction.connection.execute(sa.update(orders).where(orders.c.key == before.key).values(values))
    if again:
        return transaction.plan_again(before.key, Step.CREATE, _CORRECTED)
    transaction.append_events([transaction.event(before.key, Step.CREATE, "corrected", reason=_CORRECTED)])
    return transaction.entry(before.key, Step.CREATE)
