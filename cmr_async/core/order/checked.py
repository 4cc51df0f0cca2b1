"""An order on its way: checked once, serialised once, and carried as these values to the journal and to the wire."""

from __future__ import annotations

import warnings
from functools import cached_property

import attrs

from ...errors import Fault, OrderWarning, ValidationError
from ...models import MailboxOrder, Order
from ...models.requests import OrderRequest
from ..wire import dump_order
from .mailbox_rules import inspect_mailbox_order
from .validation import inspect_order, user_id_faults


@attrs.frozen(kw_only=True, eq=False, slots=False)  # a frozen class with slots takes half as long again to make
class CheckedOrder:
    """A request with everything that the check found. One with faults must not be sent."""

    #: The request as the caller gave it, without white space around the user's id.
    request: OrderRequest
    #: The order as it will be sent: domain names in lower case and punycode.
    order: Order | MailboxOrder
    #: What forbids sending it.
    faults: tuple[Fault, ...] = ()
    #: What deserves a look although it will be sent.
    cautions: tuple[Fault, ...] = ()

    @cached_property
    def body(self) -> bytes:
        """The request body: the bytes that the journal keeps and that are sent."""
        return dump_order(self.order)


def check_request(request: OrderRequest) -> CheckedOrder:
    """Check one request; raises nothing, sends nothing. White space around the user's id is dropped."""
    order = request.order
    findings = inspect_mailbox_order(order) if isinstance(order, MailboxOrder) else inspect_order(order)
    if isinstance(request.user_id, str) and request.user_id != request.user_id.strip():
        request = attrs.evolve(request, user_id=request.user_id.strip())
    return CheckedOrder(
        request=request,
        order=findings.order,
        faults=(*user_id_faults(request.user_id), *findings.faults),
        cautions=findings.cautions,
    )


def check_order(order: Order | MailboxOrder, *, user_id: str, reference: str | None = None) -> CheckedOrder:
    """Check one order for sending, and warn of what deserves a look, at the line that called the caller.

    Args:
        order: The order of the caller.
        user_id: Id of the user who will own it.
        reference: The caller's own name for it.

    Raises:
        ValidationError: With all faults of the order.
    """
    checked = check_request(OrderRequest(user_id=user_id, order=order, reference=reference))
    if checked.faults:
        raise ValidationError(faults=checked.faults)
    for caution in checked.cautions:
        warnings.warn(str(caution), OrderWarning, stacklevel=3)
    return checked
