"""The API's data as frozen attrs classes, one file per API group."""

from .common import BillingCycle, Envelope, ServiceProvider
from .orders import DomainRegistration, GoogleOAuth, Mailbox, Order, OrderCreated

__all__ = [
    "BillingCycle",
    "DomainRegistration",
    "Envelope",
    "GoogleOAuth",
    "Mailbox",
    "Order",
    "OrderCreated",
    "ServiceProvider",
]
