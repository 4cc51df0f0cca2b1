"""The table of endpoints, one row each: what may be repeated, and what an answer must prove, is read from its row.

Paths are relative to the base URL. `path=None` means that no source states the path: calling such an endpoint
raises `EndpointNotConfiguredError` until the caller names one.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ..errors import ConfigurationError, EndpointNotConfiguredError
from .processing import ProcessEndpoint

#: Production base URL (reference, section 3).
DEFAULT_BASE_URL = "https://customers.coldmailreseller.com/api/v1/integration"


@attrs.frozen(kw_only=True)
class Endpoint:
    """One endpoint of the API."""

    #: Name as in the SDK: `orders.create`.
    name: str
    #: HTTP method.
    method: str
    #: Path below the base URL; `None` when no source states it.
    path: str | None
    #: It takes `userId`, in the query.
    takes_user_id: bool = True
    #: It may be sent again when the outcome is unknown: it only reads, or sets a state.
    repeatable: bool = True
    #: Field of `data` that an answer must have to count as accepted, `None`: no such field.
    proof: str | None = None
    #: Where the ids go, as the caller set it; only of `orders.process`, where no source states it.
    ids: ProcessEndpoint | None = None


_ROWS = (
    # https://docs.coldmailreseller.com/creates-order-json-14632249e0
    Endpoint(name="orders.create", method="POST", path="/orders/json", repeatable=False, proof="orderId"),
    # https://docs.coldmailreseller.com/order-mailboxes-json-14943459e0
    # The help centre gives the path (reference, 10.1)
    Endpoint(
        name="orders.create_mailboxes",
        method="POST",
        path="/orders/create-mailbox-order/json",
        repeatable=False,
        proof="orderId",
    ),
    # Named in the navigation of docs.coldmailreseller.com; the help centre gives the path (reference, 10.1)
    Endpoint(name="orders.status", method="GET", path="/orders/status"),
    # Named in the navigation of docs.coldmailreseller.com, "Process the Order"; no source gives the path, nor where the
    # ids go
    Endpoint(name="orders.process", method="POST", path=None, repeatable=False),
    # Named in the navigation; the help centre gives the path (reference, 10.2); the shape of the answer is unknown
    Endpoint(name="users.get", method="GET", path="/users"),
    # https://docs.coldmailreseller.com/get-domains-for-user-24303675e0 (reference, 10.4)
    # A wrong user id gives an empty list
    Endpoint(name="domains.by_user", method="GET", path="/domains/by-user"),
    # Named in the navigation as "Check If Workspace Exists", POST; the help centre gives path and body, and the answer
    # of a domain without a workspace (reference, 10.4). It shows no userId
    Endpoint(name="domains.has_workspace", method="POST", path="/domains/has-workspace", takes_user_id=False),
    # https://docs.coldmailreseller.com/get-all-subscriptions-13454648e0
    Endpoint(name="subscriptions.list", method="GET", path="/subscriptions", takes_user_id=False),
    # The help centre gives the path (reference, 10.6); the shape of the answer is unknown
    Endpoint(name="mailboxes.list", method="GET", path="/mailboxes", takes_user_id=False),
    # All mailboxes of one user, whatever the path says (reference, 10.6)
    Endpoint(name="mailboxes.by_user", method="GET", path="/mailboxes/single"),
)

_PROCESS = "orders.process"

#: Name to row.
ENDPOINTS: Mapping[str, Endpoint] = {row.name: row for row in _ROWS}


def resolve(paths: Mapping[str, str | ProcessEndpoint]) -> Mapping[str, Endpoint]:
    """Return the table with the caller's own paths in it.

    Args:
        paths: Endpoint name to path below the base URL, for example `{"orders.process": "/orders/process"}`; of
            `orders.process` also a `ProcessEndpoint`, which says where the ids go.

    Raises:
        ConfigurationError: A name is not in the table, or a path does not start with one slash.
    """
    table = dict(ENDPOINTS)
    for name, path in paths.items():
        if name not in table:
            known = ", ".join(sorted(table))
            raise ConfigurationError(f"There is no endpoint {name!r}; the names are: {known}.")
        if name == _PROCESS:
            ids = path if isinstance(path, ProcessEndpoint) else ProcessEndpoint.at(path)
            table[name] = attrs.evolve(table[name], path=ids.path, ids=ids)
            continue
        if not isinstance(path, str):
            raise ConfigurationError(f"A ProcessEndpoint is for {_PROCESS} only; {name} takes a path.")
        if not path.startswith("/") or path.startswith("//"):
            raise ConfigurationError(f"The path of {name} must start with one '/': got {path!r}.")
        table[name] = attrs.evolve(table[name], path=path)
    return table


def require_path(endpoint: Endpoint) -> str:
    """Return the path of a row.

    Raises:
        EndpointNotConfiguredError: No source states the path and the caller named none.
    """
    if endpoint.path is None:
        raise EndpointNotConfiguredError(
            f"The path of {endpoint.name} is not documented. When you know it, name it as you make the client: "
            f'endpoints={{"{endpoint.name}": "/the/path"}}.',
            endpoint=endpoint.name,
        )
    return endpoint.path
