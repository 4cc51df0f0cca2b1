"""From a spreadsheet to active mailboxes: paid once, heard of by webhooks that fail, repeat and overtake each other."""

import asyncio
import os
import sys
from pathlib import Path

from aiohttp import web

from cmr_async import Journal
from cmr_async.simulator import DEMO_USERS, Simulator
from cmr_async.webhooks import MailboxCreated, Receiver, SignatureScheme

KEY = "key-of-an-example"
SCHEME = SignatureScheme(tolerance=None)  # minutes of the simulator pass in a second
ORDERS, JOURNAL = Path("mailboxes.csv"), Path("mailboxes.csv.journal.db")
ROWS = [f"{DEMO_USERS[0]},{domain},{name},Ada,Lovelace" for domain in ("a.com", "b.com") for name in ("ada", "hi")]
deliveries: list[str | None] = []
ready: list[str | None] = []


def mailbox_is_ready(event: MailboxCreated, _: object) -> None:
    """Fail the first time; the API sends what was not answered with 2xx again."""
    deliveries.append(event.email)
    if len(deliveries) == 1:
        raise LookupError("something of yours is not there yet")
    ready.append(event.email)


async def cmr(*words: str, **environment: str) -> None:
    """Run a command."""
    program = [sys.executable, "-m", "cmr_async", *words]
    await (await asyncio.create_subprocess_exec(*program, env={**os.environ, **environment})).wait()


async def main() -> None:
    """Receive webhooks beside the two commands that do the rest."""
    async with Journal(JOURNAL) as journal:
        receiver = Receiver(journal, keys=KEY, scheme=SCHEME, fallback=lambda *_: None)
        receiver.on(MailboxCreated)(mailbox_is_ready)
        service = web.Application()
        service.add_routes(receiver.routes("/"))
        runner = web.AppRunner(service)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        simulator = Simulator(api_key=KEY, time_scale=100, webhook_url=url, webhook_duplicates=0.5, webhook_shuffle=20)
        async with simulator as sim:
            account = {"CMR_API_KEY": KEY, "CMR_BASE_URL": sim.base_url}
            await cmr("orders", "submit", str(ORDERS), "--confirm", "--yes", **account)
            await cmr("orders", "watch", str(JOURNAL), "--timeout", "60", **account)
        await runner.cleanup()
    print("bought:", *(domain for entry in sim.state.ledger for domain in entry.domains))
    print("ready:", *ready, "- the first delivery of", deliveries[0], "failed")
    print("paid:", sum(entry.amount for entry in sim.state.ledger), "of 1000, left:", sim.state.wallet)


if __name__ == "__main__":
    ORDERS.write_text("\n".join(["user_id,domain,username,first_name,last_name", *ROWS]), encoding="utf-8")
    asyncio.run(main())
