"""The blocking client in a plain script: one client for all threads, which share one pace."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import Thread

from cmr_async import Client, DomainRegistration, NotSentError, Order, OutcomeUnknownError
from cmr_async.simulator import DEMO_USERS, Simulator, serve


def simulator() -> Simulator:
    """Serve a simulator from a thread of its own until the script ends."""
    ready: SimpleQueue[Simulator] = SimpleQueue()
    Thread(target=lambda: asyncio.run(serve(on_ready=ready.put)), daemon=True).start()
    return ready.get()


def draft(cmr: Client, domain: str) -> str:
    """Make a draft of an order for one domain, and say how it ended."""
    try:
        created = cmr.orders.create(Order(domains=[DomainRegistration(domain=domain)]), user_id=DEMO_USERS[0])
    except NotSentError:
        return f"{domain}: not sent, may be sent again"
    except OutcomeUnknownError:
        return f"{domain}: may have been placed, must not be sent again"
    return f"{domain}: {created.message}"


def main() -> None:
    """Make five drafts from five threads. Against the real API the client is made by `Client()`."""
    sim = simulator()
    with Client(sim.api_key, sim.base_url) as cmr, ThreadPoolExecutor(max_workers=5) as threads:
        for line in threads.map(lambda number: draft(cmr, f"acme-{number}.com"), range(5)):
            print(line)
    print("requests refused for their pace:", sim.state.requests.by_status.get(429, 0))


if __name__ == "__main__":
    main()
