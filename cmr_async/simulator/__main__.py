"""The simulator from the command line, on a port, for any client in any language."""

from __future__ import annotations

import argparse
import asyncio
import sys
import warnings
from collections.abc import Sequence
from typing import Any, get_args

import attrs

from .http.limits import is_loopback
from .http.server import EXPOSED, Simulator
from .settings import PROCESS_PATH, DuplicateDomains, Generation, WebhookEnvelopes
from .shop.faults import FaultRule


def main(argv: Sequence[str] | None = None, *, prog: str = "python -m cmr_async.simulator") -> int:
    """Run a simulator until Ctrl-C.

    Args:
        argv: Arguments without the program's name; `None`: those of the process.
        prog: How the program is called, for its help.

    Returns:
        Exit code: 0 after Ctrl-C, 1 when the port is taken. A wrong argument exits with 2.
    """
    parser = _parser(prog)
    try:
        settings = vars(parser.parse_args(argv))
        faults = [
            FaultRule(
                kind="close_before_answer", method="POST", path="/orders/json", times=times, after_processing=placed
            )
            for name, placed in (("lost_orders", False), ("lost_answers", True))
            if (times := settings.pop(name, 0))
        ]
        simulator = Simulator(**settings)
    except ValueError as error:
        parser.error(str(error))
    for fault in faults:
        simulator.faults.add(fault)
    if not is_loopback(simulator.host):
        sys.stderr.write(f"warning: {simulator.host}: {EXPOSED}\n")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The simulator listens on ")  # it was said just now
            asyncio.run(_run(simulator))
    except KeyboardInterrupt:
        pass
    except OSError as error:
        sys.stderr.write(f"cannot listen on {simulator.host}:{simulator.port}: {error.strerror}\n")
        return 1
    return 0


def _parser(prog: str) -> argparse.ArgumentParser:
    # An option that is not given is left out, so that the setting's own default holds; `dest` is the setting's name.
    parser = argparse.ArgumentParser(
        prog=prog,
        description="A local server that behaves like the documented Cold Mail Reseller API.",
        argument_default=argparse.SUPPRESS,
    )
    default: dict[str, Any] = {field.name: field.default for field in attrs.fields(Simulator)}
    add = parser.add_argument
    add("--host", help=f"address to listen on (default: {default['host']})")
    add("--port", type=int, default=8080, help="port to listen on; 0 takes a free one (default: %(default)s)")
    add("--wallet", metavar="DOLLARS", help=f"US dollars at the start (default: {default['wallet']})")
    add("--api-key", metavar="KEY", help="key that requests must carry (default: a random one)")
    add(
        "--rate-limit",
        type=_limit,
        metavar="N",
        help=f"requests a second, 0 for no limit (default: {default['rate_limit']})",
    )
    add("--seed", type=int, help=f"seed of ids and provisioning times (default: {default['seed']})")
    add(
        "--provision-seconds",
        type=float,
        nargs=2,
        metavar=("SHORTEST", "LONGEST"),
        help="provisioning time in simulated seconds (default: {:g} {:g})".format(*default["provision_seconds"]),
    )
    add(
        "--time-scale",
        type=float,
        metavar="FACTOR",
        help=f"simulated seconds in one real second (default: {default['time_scale']:g})",
    )
    add(
        "--user",
        dest="users",
        action="append",
        metavar="USER_ID",
        help="id of a user that exists; repeatable (default: three demo users)",
    )
    add(
        "--generation",
        choices=get_args(Generation),
        help=f"shape of the order answer (default: {default['generation']})",
    )
    add(
        "--duplicate-domains",
        choices=get_args(DuplicateDomains),
        help=f"what a second purchase of a domain does (default: {default['duplicate_domains']})",
    )
    add("--strict", action="store_true", help="refuse what the API's documentation leaves open")
    add(
        "--takes-unknown-ids",
        action="store_true",
        help="take unknown subscriptions and domains that mailboxes are ordered for as the user's",
    )
    add(
        "--workspace",
        dest="workspaces",
        action="append",
        metavar="DOMAIN",
        help="domain that the workspace check finds a workspace for; repeatable (default: none)",
    )
    add(
        "--failing-domain",
        dest="failing_domains",
        action="append",
        metavar="DOMAIN",
        help="domain whose registration fails; repeatable (default: none)",
    )
    add(
        "--failing-mailboxes",
        action="append",
        metavar="DOMAIN",
        help="domain whose order of mailboxes fails; repeatable (default: none)",
    )
    add(
        "--lost-answers",
        type=_count,
        metavar="N",
        help="place the first N orders and close their connections without an answer (default: 0)",
    )
    add(
        "--lost-orders",
        type=_count,
        metavar="N",
        help="close the connections of the first N orders without placing them (default: 0)",
    )
    add("--webhook-url", metavar="URL", help="where to send webhooks (default: none are sent)")
    add(
        "--webhook-envelopes",
        choices=get_args(WebhookEnvelopes),
        help=f"shape of the events (default: {default['webhook_envelopes']})",
    )
    add(
        "--webhook-duplicates",
        type=float,
        metavar="SHARE",
        help=f"share of the events that are sent twice, 0 to 1 (default: {default['webhook_duplicates']:g})",
    )
    add(
        "--webhook-shuffle",
        type=float,
        metavar="SECONDS",
        help=f"simulated seconds within which events change places (default: {default['webhook_shuffle']:g})",
    )
    add(
        "--webhook-losses",
        type=float,
        metavar="SHARE",
        help=f"share of the events that are never sent, 0 to 1 (default: {default['webhook_losses']:g})",
    )
    add(
        "--process-path",
        dest="endpoints",
        type=_process_path,
        metavar="PATH",
        help=f"path of 'Process the Order', which the API does not document (default: {PROCESS_PATH})",
    )
    return parser


def _limit(text: str) -> int | None:
    return int(text) or None


def _count(text: str) -> int:
    if (count := int(text)) < 0:
        raise ValueError
    return count


def _process_path(text: str) -> dict[str, str]:
    return {"orders.process": text}


async def _run(simulator: Simulator) -> None:
    async with simulator:
        users = "\n".join(f"  {user_id}" for user_id in simulator.users)
        webhooks = f"Webhooks: {simulator.admin_url}/deliveries\n" if simulator.webhook_url else ""
        sys.stdout.write(
            f"CMR simulator at {simulator.base_url}\n"
            f"Users:\n{users}\n"
            "Point the client at it:\n"
            f"  export CMR_BASE_URL={simulator.base_url}\n"
            f"  export CMR_API_KEY={simulator.api_key}\n"
            f"Ledger: {simulator.admin_url}/ledger   requests: {simulator.admin_url}/requests\n"
            f"{webhooks}"
            "Stop with Ctrl-C.\n"
        )
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    sys.exit(main())
