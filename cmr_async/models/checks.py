"""What the API says about an order before it is sent: the result of `orders.preflight`."""

from __future__ import annotations

from enum import StrEnum

import attrs

from ..errors import APIError, Fault
from .common import Envelope
from .orders import Order


class WorkspaceFinding(StrEnum):
    """What the workspace check says of a domain."""

    #: The documented answer of a domain without a workspace.
    NONE = "none"
    #: The API answered 409, its status for workspace conflicts.
    CONFLICT = "conflict"
    #: Another answer. What the API says of a domain that has a workspace is not documented: read it yourself.
    UNCLEAR = "unclear"


@attrs.frozen(kw_only=True)
class WorkspaceCheck:
    """The answer of the workspace check to one domain."""

    #: The domain that was asked about, in lower case and punycode.
    domain: str
    #: What the answer means, as far as that is documented.
    finding: WorkspaceFinding
    #: What the API said in words.
    message: str = ""
    #: The raw answer; `None` when the API refused.
    answer: Envelope | None = attrs.field(default=None, repr=False)
    #: The refusal; `None` when the API answered.
    error: APIError | None = attrs.field(default=None, repr=False)

    def __str__(self) -> str:
        match self.finding:
            case WorkspaceFinding.NONE:
                return f"{self.domain}: no workspace"
            case WorkspaceFinding.CONFLICT:
                return f"{self.domain}: workspace conflict: the API answered 409, {self.message!r}"
            case _:
                return f"{self.domain}: the answer to the workspace check is not a documented one: {self.message!r}"


@attrs.frozen(kw_only=True)
class OrderPreflight:
    """What was asked about an order before it is sent, and what the API said. It can still fail afterwards."""

    #: The order as it would be sent.
    order: Order
    #: Id of the user who would own it.
    user_id: str
    #: What deserves a look in the order itself.
    cautions: tuple[Fault, ...] = ()
    #: The workspace check of each domain that the order names.
    workspaces: tuple[WorkspaceCheck, ...] = ()
    #: What the help centre says to ask as well, and why it was not asked.
    not_asked: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[WorkspaceCheck, ...]:
        """Every check that did not give the documented answer of a domain without a workspace."""
        return tuple(check for check in self.workspaces if check.finding is not WorkspaceFinding.NONE)
