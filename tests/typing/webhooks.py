"""Checked by mypy and pyright, never run: webhooks as a receiver uses them; a `match` over all events is exhaustive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never, assert_type

import sqlalchemy as sa
from pydantic import SecretStr

from cmr_async import BlockingReceiver, Journal, ServiceProvider
from cmr_async.webhooks import (
    EVENT_TYPES,
    DnsRecordUpdated,
    DomainExpired,
    DomainGracePeriod,
    DomainOrderFailed,
    DomainOrderSuccess,
    DomainRenewalFailed,
    DomainRenewalSuccess,
    Event,
    MailboxCreated,
    MailboxExported,
    MailboxOrderFailed,
    MailboxOrderSuccess,
    MailboxUpdated,
    MailboxWarmupRemoved,
    MailboxWarmupStarted,
    PrewarmupOrderFailed,
    PrewarmupOrderSuccess,
    Receiver,
    Refusal,
    Reply,
    SignatureEncoding,
    SignatureScheme,
    SubscriptionCancelled,
    SubscriptionEvent,
    SubscriptionExpired,
    SubscriptionPastDue,
    SubscriptionRenewalFailed,
    SubscriptionRenewalSuccess,
    SubscriptionRenewing,
    SubscriptionUpdated,
    UnknownEvent,
    VerifiedDelivery,
    parse,
    sign,
    verify,
)


def receiving(body: bytes, texts: Mapping[str, str], raw: list[tuple[bytes, bytes]]) -> Event | Refusal:
    scheme = SignatureScheme(signed_content="{timestamp}.{body}", encoding=SignatureEncoding.HEX, tolerance=None)
    verify(body, raw, keys=["new", SecretStr("old")], now=1.0, scheme=scheme, max_body=10)
    assert_type(sign(body, key="key"), dict[str, str])
    delivery = verify(body, texts, keys="key")
    assert_type(delivery, VerifiedDelivery | Refusal)
    match delivery:
        case Refusal():
            return delivery
        case VerifiedDelivery():
            return parse(delivery)
    assert_never(delivery)


def handle_any(event: Event, transaction: sa.Connection) -> None:
    every_event_by_itself(event)
    assert_type(transaction, sa.Connection)


async def taking(journal: Journal, body: bytes, texts: Mapping[str, str]) -> tuple[int, str]:
    receiver = Receiver(journal, keys="key", fallback=handle_any, scheme=SignatureScheme(), on_reply=print)

    @receiver.on(MailboxCreated)
    def created(event: MailboxCreated, transaction: sa.Connection) -> None:
        assert_type(event.password, str | None)

    @receiver.on(SubscriptionEvent)
    def renewed(event: SubscriptionEvent, transaction: sa.Connection) -> int:
        return len(event.subscription_id or "")

    receiver.on(DomainExpired)(handle_any)
    receiver.on(MailboxCreated)(renewed)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    receiver.on("mailbox.created")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    reply = await receiver.receive(body, texts)
    assert_type(reply, Reply)
    assert_type(reply.event, Event | None)
    assert_type(reply.error, Exception | None)
    return reply.status, reply.text


def taking_without_a_loop(body: bytes, raw: list[tuple[bytes, bytes]]) -> None:
    with BlockingReceiver("run.db", keys=["new", "old"], fallback=handle_any) as receiver:
        receiver.on(MailboxCreated)(handle_any)
        assert_type(receiver.receive(body, raw), Reply)
    BlockingReceiver("run.db", keys="key")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def every_event_by_itself(event: Event) -> str:  # noqa: C901 - one case for each kind of event
    match event:
        case DomainOrderSuccess(domain=domain, order_id=order_id):
            return f"{domain} {order_id}"
        case DomainOrderFailed(reason=reason) | MailboxOrderFailed(reason=reason) | PrewarmupOrderFailed(reason=reason):
            return reason or ""
        case DomainRenewalSuccess() | DomainRenewalFailed() | DomainGracePeriod() | DomainExpired():
            return event.domain or ""
        case MailboxOrderSuccess():
            assert_type(event.service_provider, ServiceProvider | str | None)
            return event.name
        case MailboxCreated(password=password):
            return password or ""
        case MailboxUpdated() | MailboxExported() | MailboxWarmupStarted() | MailboxWarmupRemoved():
            return event.email or ""
        case SubscriptionRenewing() | SubscriptionRenewalSuccess() | SubscriptionRenewalFailed():
            return event.description or ""
        case SubscriptionPastDue() | SubscriptionExpired() | SubscriptionCancelled() | SubscriptionUpdated():
            return event.description or ""
        case PrewarmupOrderSuccess():
            return "".join(box.email or "" for one in event.mailbox_details for box in one.mailboxes)
        case DnsRecordUpdated():
            return event.domain or ""
        case UnknownEvent():
            assert_type(event.name, str | None)
            return event.name or ""
    assert_never(event)


def one_group_and_the_rest(event: Event) -> str | None:
    match event:
        case SubscriptionEvent():
            return event.subscription_id
        case _:
            return event.event_id


def names() -> None:
    assert_type(EVENT_TYPES, Mapping[str, type[Event]])


def an_event_that_is_forgotten_is_an_error(event: DomainExpired | UnknownEvent) -> None:
    match event:
        case DomainExpired():
            return
    assert_never(event)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def what_is_wrong_is_an_error(body: str, delivery: VerifiedDelivery) -> None:
    verify(body, {}, keys="key")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    verify(b"", {})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    delivery.body = b""  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
