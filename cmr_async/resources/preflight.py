"""Ask the API about an order before it is sent: the workspace check of each of its domains. It only reads.

The help centre says: check availability, then the workspace, then order; both can still fail later (reference, 14).
"""

from __future__ import annotations

from ..core.order.checked import check_request
from ..errors import APIError, BadRequestError, ConflictError, Fault, NotFoundError, UnprocessableError, ValidationError
from ..models import Envelope, Order
from ..models.checks import OrderPreflight, WorkspaceCheck, WorkspaceFinding
from ..models.requests import OrderRequest
from ..pipeline import Pipeline
from .domains import ask_for_workspace

_AVAILABILITY = "availability: no source gives the path of the call, nor what it takes and answers"
#: What the API says of a domain without a workspace (reference, section 10.4).
_NO_WORKSPACE = "workspace not exists"
#: Refusals that are about the domain; any other is about the key, the user or the API, and is raised.
_ABOUT_THE_DOMAIN = (BadRequestError, NotFoundError, ConflictError, UnprocessableError)


async def preflight_order(
    pipeline: Pipeline, order: Order, *, user_id: str, timeout: float | None = None
) -> OrderPreflight:
    """Check an order, and ask for the workspace of each domain, one after the other.

    Raises:
        ValidationError: The order has faults; nothing was asked.
        CMRError: As `Domains.has_workspace`.
    """
    checked = check_request(OrderRequest(user_id=user_id, order=order))
    if checked.faults:
        raise ValidationError(faults=checked.faults)
    if not isinstance(checked.order, Order):  # what it is for has a workspace already
        raise ValidationError(faults=(Fault("order", "must be an Order: orders of mailboxes have nothing to ask"),))
    order = checked.order
    return OrderPreflight(
        order=order,
        user_id=user_id,
        cautions=checked.cautions,
        workspaces=tuple(
            [await _check_workspace(pipeline, domain, order, timeout=timeout) for domain in order.domain_names]
        ),
        not_asked=(_AVAILABILITY,),
    )


async def _check_workspace(pipeline: Pipeline, domain: str, order: Order, *, timeout: float | None) -> WorkspaceCheck:
    try:
        answer = await ask_for_workspace(pipeline, domain, service_provider=order.service_provider, timeout=timeout)
    except _ABOUT_THE_DOMAIN as error:
        return WorkspaceCheck(domain=domain, finding=_finding_of(error), message=error.api_message, error=error)
    return WorkspaceCheck(domain=domain, finding=_meaning_of(answer), message=answer.message, answer=answer)


def _finding_of(error: APIError) -> WorkspaceFinding:
    return WorkspaceFinding.CONFLICT if isinstance(error, ConflictError) else WorkspaceFinding.UNCLEAR


def _meaning_of(answer: Envelope) -> WorkspaceFinding:
    none = answer.data is None and answer.message.strip().lower() == _NO_WORKSPACE
    return WorkspaceFinding.NONE if none else WorkspaceFinding.UNCLEAR
