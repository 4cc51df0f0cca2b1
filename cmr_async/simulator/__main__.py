"""`python -m cmr_async.simulator`: the simulator on a port, for any client in any language."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from .server import Simulator, serve
from .settings import CONFIGURABLE_ENDPOINTS, DEMO_USERS

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the simulator until Ctrl-C.

    Args:
        argv: command-line arguments without the program's name; those of the process when None.

    Returns:
        Exit code: 0 after Ctrl-C, 1 when the port is taken, 2 for a wrong argument.
    """
    parser = _parser()
    options = parser.parse_args(argv)
    running = serve(
        host=options.host,
        port=options.port,
        wallet=options.wallet,
        api_key=options.api_key,
        rate_limit=options.rate_limit or None,
        seed=options.seed,
        provision_seconds=tuple(options.provision_seconds),
        time_scale=options.time_scale,
        users=tuple(options.user or DEMO_USERS),
        endpoints={"orders.process": options.process_path},
        generation=options.generation,
        duplicate_domains=options.duplicate_domains,
        failing_domains=tuple(options.failing_domain or ()),
        on_ready=_announce,
    )
    try:
        asyncio.run(running)
    except KeyboardInterrupt:
        return 0
    except ValueError as error:
        parser.error(str(error))
    except OSError as error:
        sys.stderr.write(f"cannot listen on {options.host}:{options.port}: {error.strerror}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cmr_async.simulator",
        description="A local server that behaves like the documented Cold Mail Reseller API.",
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=8080, help="port to listen on, 0 for a free one (default: %(default)s)")
    add(
        "--wallet",
        type=_dollars,
        default=Decimal(1000),
        help="US dollars at the start (default: %(default)s)",
    )
    add("--api-key", default="simulator-key", help="key that requests must carry (default: %(default)s)")
    add("--rate-limit", type=int, default=5, help="requests a second, 0 for no limit (default: %(default)s)")
    add("--seed", type=int, default=0, help="seed of ids and provisioning times (default: %(default)s)")
    add(
        "--provision-seconds",
        type=float,
        nargs=2,
        default=(10.0, 90.0),
        metavar=("SHORTEST", "LONGEST"),
        help="provisioning time in simulated seconds (default: 10 90)",
    )
    add("--time-scale", type=float, default=1.0, help="simulated seconds in one real second (default: 1)")
    add(
        "--user",
        action="append",
        metavar="USER_ID",
        help="a user that exists; repeatable (default: three demo users)",
    )
    add("--generation", choices=("2026-06", "2026-02"), default="2026-06", help="shape of the order answer")
    add(
        "--duplicate-domains",
        choices=("allow", "unavailable"),
        default="allow",
        help="what a second purchase does",
    )
    add(
        "--failing-domain",
        action="append",
        metavar="DOMAIN",
        help="a domain whose registration fails; repeatable",
    )
    add(
        "--process-path",
        default=CONFIGURABLE_ENDPOINTS["orders.process"],
        help="path of 'Process the Order', which the API does not document (default: %(default)s)",
    )
    return parser


def _dollars(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text!r} is not an amount") from None


def _announce(sim: Simulator) -> None:
    users = "\n".join(f"  {user_id}" for user_id in sim.state.users)
    sys.stdout.write(
        f"CMR simulator at {sim.base_url}\n"
        f"Users:\n{users}\n"
        "Point the client at it:\n"
        f"  export CMR_BASE_URL={sim.base_url}\n"
        f"  export CMR_API_KEY={sim.api_key}\n"
        f"Ledger: {sim.admin_url}/ledger   requests: {sim.admin_url}/requests\n"
        "Stop with Ctrl-C.\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
