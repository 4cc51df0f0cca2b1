"""The blocking client in a plain script: one client for all threads, which share one pace."""

from concurrent.futures import ThreadPoolExecutor

from cmr_async import Client, DomainRegistration, NotSentError, Order, OutcomeUnknownError
from cmr_async.simulator import DEMO_USERS, Simulator


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
    with Simulator() as sim, Client(sim.api_key, sim.base_url) as cmr:
        with ThreadPoolExecutor(max_workers=5) as threads:
            for line in threads.map(lambda number: draft(cmr, f"acme-{number}.com"), range(5)):
                print(line)
        print("requests refused for their pace:", sim.state.requests.by_status.get(429, 0))


if __name__ == "__main__":
    main()
