"""What commands show of an event: what it is and whom it is about, and never a field that may be secret."""

from __future__ import annotations

from typing import Any

from ...core.printable import printable
from ...webhooks import DomainOrderSuccess, Event


def about(event: Event | None) -> dict[str, Any]:
    """Return what JSON lines tell of an event; all `None` without one."""
    return {
        "event": None if event is None else event.name,
        "event_id": None if event is None else event.event_id,
        "order_id": getattr(event, "order_id", None),
        "user_id": None if event is None else event.user_id,
        "domains": [] if event is None else _domains(event),
        "email": getattr(event, "email", None),
    }


def columns(state: str, event: Event | None, *remarks: str) -> str:
    """Return the line of a delivery: its state, event, order, address or domains, and remarks, with tabs between."""
    told = about(event)
    what = told["email"] or ", ".join(told["domains"])
    cells = (state, told["event"], told["order_id"], what, "; ".join(remarks))
    return "\t".join(printable(cell) if cell else "-" for cell in cells)


def _domains(event: Event) -> list[str]:
    """Return the names of the domains that an event is about."""
    if isinstance(event, DomainOrderSuccess):
        return list(event.domain_names)
    listed = (*getattr(event, "domains", ()), *getattr(event, "mailbox_details", ()))
    names = (getattr(event, "domain", None), *(one.domain for one in listed))
    return list(dict.fromkeys(name for name in names if name is not None))
