"""Tell whether a URL leads to the address that a command listens on: what it sent there would come back for ever."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

from yarl import URL

_Address = IPv4Address | IPv6Address
_LOOPBACK: dict[int, _Address] = {4: IPv4Address("127.0.0.1"), 6: IPv6Address("::1")}


async def leads_back(target: URL, *, host: str, port: int) -> bool:
    """Return whether a connection to `target` reaches what listens on `host` and `port`.

    A name that cannot be resolved leads nowhere. What a tunnel or a proxy does with it is not seen from here.
    """
    if target.port != port or target.host is None:
        return False
    listening = await _addresses(host)
    # To connect to all addresses of a machine is to connect to its loopback
    reached = {_LOOPBACK[one.version] if one.is_unspecified else one for one in await _addresses(target.host)}
    if reached & listening:
        return True
    everywhere = {one.version for one in listening if one.is_unspecified}
    return any(one.version in everywhere and _is_of_this_machine(one) for one in reached)


async def _addresses(host: str) -> set[_Address]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return set()
    addresses = {ip_address(str(place[0]).partition("%")[0]) for *_, place in found}
    return {getattr(one, "ipv4_mapped", None) or one for one in addresses}


def _is_of_this_machine(address: _Address) -> bool:
    if address.is_loopback:
        return True
    try:
        with socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6) as trial:  # noqa: PLR2004
            trial.bind((str(address), 0))
    except OSError:
        return False
    return True
