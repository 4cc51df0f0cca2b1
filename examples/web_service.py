"""One order from a handler of a web service: one client for all requests, and each error answered by its meaning."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from cmr_async import AsyncClient, CMRError, DomainRegistration, Order, OutcomeUnknownError, ValidationError
from cmr_async.simulator import DEMO_USERS, Simulator

CLIENT = web.AppKey("CLIENT", AsyncClient)


async def client(app: web.Application) -> AsyncIterator[None]:
    """Keep one client as long as the service runs; against the real API it is made by `AsyncClient()`."""
    async with Simulator() as sim, AsyncClient(sim.api_key, sim.base_url) as cmr:
        app[CLIENT] = cmr
        yield


async def order(request: web.Request) -> web.Response:
    """Make a draft, which costs nothing; `confirm=True` would spend money."""
    wanted = Order(domains=[DomainRegistration(domain=request.match_info["domain"])])
    try:
        created = await request.app[CLIENT].orders.create(wanted, user_id=DEMO_USERS[0])
    except ValidationError as error:
        return web.json_response({"error": str(error)}, status=400)
    except OutcomeUnknownError as error:  # it may have been placed: nobody may send it again
        return web.json_response({"error": str(error)}, status=502)
    except CMRError as error:  # refused, or never sent: nothing was bought
        return web.json_response({"error": str(error)}, status=503)
    return web.json_response({"ordered": bool(created.order_id)})


async def main() -> None:
    """Serve, and send the service two requests."""
    app = web.Application()
    app.cleanup_ctx.append(client)
    app.router.add_post("/orders/{domain}", order)
    async with TestServer(app) as server, ClientSession(server.make_url("/")) as browser:
        for domain in ("example.com", "not_a_domain"):
            async with browser.post(f"/orders/{domain}") as answer:
                print(domain, answer.status, await answer.text())


if __name__ == "__main__":
    asyncio.run(main())
