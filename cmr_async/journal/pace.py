"""The SQL of the pace that processes share: one row per API key, one statement per slot, the database's own clock.

The arithmetic is that of `core.pacing.Pacer`, but all processes use the same row, so together they keep to the limit
of the key. The clocks of the hosts do not matter.
"""

from __future__ import annotations

from typing import Any

from .schema import database_now, insert_missing, sa, slots

__all__ = ["hold_slots", "paused_for", "take_slot"]

#: A 429 widens the gap by this factor ...
_WIDER = 1.25
#: ... for so many seconds after the pause: someone else spends from the same limit.
_WIDER_FOR = 30.0


def take_slot(connection: sa.Connection, name: str, gap: float) -> float:
    """Take the next free slot of a row, in the transaction of the connection; return the seconds to wait for it."""
    now = database_now(connection.dialect.name)
    free = _latest(_latest(slots.c.next, slots.c.paused_until), now)
    used = sa.case((free < slots.c.wider_until, gap * _WIDER), else_=gap)
    take = (
        sa.update(slots)
        .where(slots.c.name == name)
        .values(next=free + used)
        # What RETURNING reads is the new row: the slot lies one gap before it
        .returning((slots.c.next - now).label("until"), slots.c.next, slots.c.wider_until)
    )
    row = connection.execute(take).one_or_none()
    if row is None:
        _make_row(connection, name)
        row = connection.execute(take).one()
    wide = row.next - gap * _WIDER < row.wider_until
    return max(0.0, float(row.until) - (gap * _WIDER if wide else gap))


def hold_slots(connection: sa.Connection, name: str, seconds: float) -> None:
    """Delay every slot of a row by some seconds, in the transaction of the connection."""
    _make_row(connection, name)
    until = database_now(connection.dialect.name) + seconds
    connection.execute(
        sa.update(slots)
        .where(slots.c.name == name)
        .values(
            paused_until=_latest(slots.c.paused_until, until),
            wider_until=_latest(slots.c.wider_until, until + _WIDER_FOR),
        )
    )


def paused_for(dialect: str, name: str) -> sa.Select[Any]:
    """Return the query for the seconds that the pause of a row still lasts: negative, or no row, if there is none."""
    return sa.select(slots.c.paused_until - database_now(dialect)).where(slots.c.name == name)


def _make_row(connection: sa.Connection, name: str) -> None:
    insert = insert_missing(slots, connection.dialect.name)
    connection.execute(insert.values(name=name, next=0.0, paused_until=0.0, wider_until=0.0))


def _latest(left: Any, right: Any) -> sa.ColumnElement[float]:
    """Return the later of two times; SQLite and PostgreSQL have no common function for it."""
    return sa.case((left > right, left), else_=right)
