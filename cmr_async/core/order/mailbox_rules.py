"""Find what is wrong with an order of mailboxes; the rules that other orders have too stand in `validation`."""

from __future__ import annotations

from operator import is_not

import attrs

from ...errors import Fault
from ...models import Mailbox, MailboxOrder
from ...models.common import NO_FIELDS
from ..exchange import LONGEST_ID
from .validation import Findings, inspect_extra, inspect_mailboxes, inspect_scalars, is_text


def inspect_mailbox_order(order: MailboxOrder) -> Findings:
    """Return everything that is wrong with an order of mailboxes or deserves a look; raises nothing, sends nothing."""
    faults: list[Fault] = []
    cautions: list[Fault] = []
    _inspect_target(order, faults, cautions)
    if not any(order.mailboxes.values()):
        faults.append(Fault("mailboxes", "has none; this SDK sends no order that asks for nothing"))
    mailboxes = inspect_mailboxes(order, faults, cautions, {}, set())
    if len(mailboxes) > 1:
        message = f"is for {len(mailboxes)} domains, but one subscription or domain id; it is sent as it is"
        cautions.append(Fault("mailboxes", message))
    _point_out_pictures(order, cautions)
    inspect_scalars(order, faults, cautions)
    if order.extra is not NO_FIELDS:
        inspect_extra(order, "extra", faults)
        if "domains" in order.extra:
            faults.append(Fault("extra.domains", "an order of mailboxes registers no domain: make an Order"))
    if not faults and any(map(is_not, mailboxes, order.mailboxes)):
        order = attrs.evolve(order, mailboxes=mailboxes)
    return Findings(order, tuple(faults), tuple(cautions))


def _inspect_target(order: MailboxOrder, faults: list[Fault], cautions: list[Fault]) -> None:
    """Find what is wrong with the ids that say where the mailboxes go."""
    ids = {"subscription_id": order.subscription_id, "domain_id": order.domain_id}
    for name, value in ids.items():
        if value is not None and not (is_text(value) and value.isprintable() and 0 < len(value.strip()) <= LONGEST_ID):
            faults.append(Fault(name, "must be an id, as the API returned it"))
    given = sum(value is not None for value in ids.values())
    if given == 0:
        message = "is missing: give the domain's active subscription, or domain_id if that was cancelled"
        faults.append(Fault("subscription_id", message))
    elif given > 1:
        faults.append(Fault("domain_id", "excludes subscription_id: give exactly one of the two"))
    elif order.subscription_id is not None and order.auto_renew is not None:
        message = "is documented together with domain_id only, for the new subscription; it is sent as it is"
        cautions.append(Fault("auto_renew", message))


def _point_out_pictures(order: MailboxOrder, cautions: list[Fault]) -> None:
    for domain, boxes in order.mailboxes.items():
        for index, box in enumerate(boxes):
            if isinstance(box, Mailbox) and box.profile_picture is not None:
                path = f'mailboxes["{domain}"][{index}].profile_picture'
                message = "is not documented for an order of mailboxes; it is sent as it is"
                cautions.append(Fault(path, message))
