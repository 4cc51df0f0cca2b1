"""What protects a simulator and the machine it runs on: whom it answers, and how large and slow a body may be."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from aiohttp import web

from ..shop.records import Refusal

#: Bytes that the body of a request may have. The limit of the real server is UNKNOWN; an order of 10,000 mailboxes has
#: half of this.
LARGEST_BODY = 2 * 1024 * 1024
#: Seconds in which a body must have come.
_SECONDS_FOR_BODY = 30.0
#: Misdirected Request.
_WRONG_HOST = 421


def check_host(request: web.Request, bound: str) -> None:
    """Refuse a request that was not meant for this machine (421).

    A page of any web site can lead its own name to a loopback address (DNS rebinding) and read what is answered there,
    the ledger too; its requests carry that name in `Host`.

    Args:
        request: The request.
        bound: Address or name that the simulator was told to listen on.
    """
    names = [_name_in(value) for value in request.headers.getall("Host", [])]
    if not names or not all(name and _is_ours(name, request, bound) for name in names):
        raise Refusal(
            "The Host header must be a loopback name or the address that the simulator listens on", status=_WRONG_HOST
        )


def is_loopback(host: str) -> bool:
    """Tell whether a name or an address leads to this machine and can be reached from nowhere else."""
    address = _address(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


async def read_body(request: web.Request) -> bytes:
    """Return the body of a request.

    Raises:
        web.HTTPException: It is too large (413), or did not come in time (408).
    """
    try:
        async with asyncio.timeout(_SECONDS_FOR_BODY):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None


def _name_in(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _is_ours(name: str, request: web.Request, bound: str) -> bool:
    if is_loopback(name) or name == bound.lower():
        return True
    # Bound to all addresses, the simulator listens on the one that the connection came to
    here = request.get_extra_info("sockname")
    address = _address(name)
    return address is not None and here is not None and address == _address(here[0])


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
