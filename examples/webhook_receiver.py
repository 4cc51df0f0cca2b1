"""Webhooks in FastAPI: each genuine event has its effect once, in a table of your own, and no password is kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import sqlalchemy as sa
from fastapi import FastAPI, Request, Response

from cmr_async import Journal
from cmr_async.webhooks import MailboxCreated, Receiver, sign

KEY = "key-of-an-example"  # your Partner API key, from wherever you keep secrets
READY = sa.Table("ready_mailboxes", sa.MetaData(), sa.Column("email", sa.Text), sa.Column("order_id", sa.Text))
journal = Journal("webhooks.db")  # in production the journal of the orders, so that `bulk.reconcile` sees the events
receiver = Receiver(journal, keys=KEY, fallback=lambda *_: None)


@receiver.on(MailboxCreated)
def mailbox_is_ready(event: MailboxCreated, transaction: sa.Connection) -> None:
    """Write a row, which is committed together with the note that the event was taken."""
    READY.create(transaction, checkfirst=True)
    transaction.execute(sa.insert(READY).values(email=event.email, order_id=event.order_id))


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Keep the journal open as long as the service runs."""
    async with journal:
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/webhooks/cmr")
async def webhook(request: Request) -> Response:
    """Answer with 2xx only after the commit; otherwise the API sends the event again."""
    body = b""
    async for part in request.stream():
        body += part[: 1_048_577 - len(body)]  # of a body above 1 MiB, enough to be refused
    reply = await receiver.receive(body, request.headers)
    return Response(reply.text, reply.status)


async def main() -> None:
    """Deliver an event as the API does, twice, then one too late and one with another key."""
    body = b'{"event": "mailbox.created", "eventId": "E1", "data": {"email": "ada@example.com", "password": "secret"}}'
    genuine, late, forged = sign(body, key=KEY), sign(body, key=KEY, now=1_700_000_000), sign(body, key="a-guess")
    async with lifespan(app), httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as api:
        answers = [await api.post("/webhooks/cmr", content=body, headers=it) for it in (genuine, genuine, late, forged)]
        print(*(f"{answer.status_code} {answer.text}" for answer in answers), sep="\n")
        print("the journal keeps:", *[delivery.content async for delivery in journal.tracking.deliveries()])
    with sa.create_engine("sqlite:///webhooks.db", poolclass=sa.NullPool).connect() as database:
        print("ready:", *database.scalars(sa.select(READY.c.email)))


if __name__ == "__main__":
    asyncio.run(main())
