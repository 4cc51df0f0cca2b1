"""The API's data as frozen attrs classes, one file per API group."""

from .common import BillingCycle, Envelope, ServiceProvider
from .orders import DomainRegistration, GoogleOAuth, Mailbox, MailboxOrder, Order, OrderCreated

__all__ = [
    "BillingCycle",
    "DomainRegistration",
    "Envelope",
    "GoogleOAuth",
    "Mailbox",
    "MailboxOrder",
    "Order",
    "OrderCreated",
    "ServiceProvider",
]
