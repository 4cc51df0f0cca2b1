"""Where "Process the Order" is and where its ids go: no source states either, so both are settings."""

from __future__ import annotations

import re
from typing import Literal

import attrs
import orjson

from ..errors import ConfigurationError, Fault, ValidationError

_ORDER_ID = "{orderId}"
_USER_ID = "{userId}"
#: What would be sent as a part of the path, and surely is not meant to be.
_NO_PATH = re.compile(r"\{[^{}]*\}?|[?#}\s]|(?<=/):(?=[A-Za-z])")


@attrs.frozen(kw_only=True)
class ProcessEndpoint:
    """The place of "Process the Order": `AsyncClient(endpoints={"orders.process": ProcessEndpoint(path="/the/path")})`.

    A plain path in its place stands for these defaults, with an id in the path where it has `{orderId}` or `{userId}`.
    Checked when it is made.
    """

    #: Path below the base URL; with `{orderId}` and `{userId}` for the ids that go there.
    path: str
    #: Where the order's id goes, as `orderId`. The default is a guess.
    order_id_in: Literal["body", "query", "path"] = "body"
    #: Where the user's id goes, as `userId`. The default is a guess after the documented calls about orders.
    user_id_in: Literal["query", "body", "path", "nowhere"] = "query"

    def __attrs_post_init__(self) -> None:
        """Refuse a path that does not fit the places of the ids."""
        if not isinstance(self.path, str) or not self.path.startswith("/") or self.path.startswith("//"):
            raise ConfigurationError(f"The path of orders.process must start with one '/': got {self.path!r:.100}.")
        wrong = _NO_PATH.search(self.path.replace(_ORDER_ID, "id").replace(_USER_ID, "id"))
        if wrong is not None:
            raise ConfigurationError(
                f"The path of orders.process cannot have {wrong[0]!r}: it is a plain path, without a query, in which "
                f"only {_ORDER_ID} and {_USER_ID} stand for something: got {self.path!r:.100}."
            )
        for setting, place, known, mark in (
            ("order_id_in", self.order_id_in, ("body", "query", "path"), _ORDER_ID),
            ("user_id_in", self.user_id_in, ("query", "body", "path", "nowhere"), _USER_ID),
        ):
            if place not in known:
                raise ConfigurationError(f"{setting} of orders.process is one of {', '.join(known)}, not {place!r}.")
            if (place == "path") is not (mark in self.path):
                raise ConfigurationError(
                    f"The path of orders.process has {mark} exactly when {setting} is 'path': got {self.path!r} "
                    f"and {place!r}."
                )

    @classmethod
    def at(cls, path: str) -> ProcessEndpoint:
        """Return the endpoint that a plain path stands for."""
        return cls(
            path=path,
            order_id_in="path" if _ORDER_ID in str(path) else "body",
            user_id_in="path" if _USER_ID in str(path) else "query",
        )


def place_ids(
    place: ProcessEndpoint, *, order_id: str, user_id: str
) -> tuple[str, dict[str, str | None], bytes | None]:
    """Return the request that processes an order, with its ids where they go.

    Returns:
        The path below the base URL, the query parameters, and the JSON body; `None` when no id goes there.

    Raises:
        ValidationError: An id that goes into the path would change it.
    """
    places = (("orderId", order_id, place.order_id_in), ("userId", user_id, place.user_id_in))
    path = place.path
    for name, value, where in places:
        if where == "path":
            if "/" in value or not value.strip("."):
                raise ValidationError(faults=(Fault(name, f"cannot stand in the path {place.path}: {value!r}"),))
            path = path.replace(f"{{{name}}}", value)
    query: dict[str, str | None] = {name: value for name, value, where in places if where == "query"}
    body = {name: value for name, value, where in places if where == "body"}
    return path, query, orjson.dumps(body) if body else None
