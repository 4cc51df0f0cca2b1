"""What verifying and parsing a webhook costs over the bare HMAC and JSON parse, in the same run, in turn.

    pip install stripe
    python benchmarks/webhooks.py [--rounds 40]

Bare is the least that a receiver has to do: `hmac.new(...).hexdigest()`, `hmac.compare_digest`, and the JSON parse of
the standard library or of orjson; then also the event, made of fields that were read before. Ours is `verify` and
`parse`, with headers as a framework has them. stripe's `construct_event` does the same job in a widely used SDK: it
gets the same bodies with the fields that it needs. Each sample of the API's documentation is measured by itself. The
figures that count are the ratios of CPU time, best of the rounds; absolute ones are this machine's.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time, time
from typing import Any, NamedTuple

import attrs
import orjson
import stripe

from cmr_async.webhooks import Refusal, VerifiedDelivery, parse, sign, verify

KEY = "9a6f1c0e-0d8e-4a4b-8d55-2b7a4f0c9d13"
NOW = 1_780_000_000.0
SAMPLES = sorted((Path(__file__).parents[1] / "tests" / "samples" / "webhooks").glob("*.json"))
#: Deliveries of one contender before it is the turn of the next one.
SLICE = 500
#: What a request has beside the two headers of the API.
USUAL_HEADERS = {
    "Host": "hooks.example.com",
    "User-Agent": "axios/1.7.9",
    "Content-Type": "application/json",
    "Content-Length": "438",
    "Accept-Encoding": "gzip, compress, deflate, br",
    "Connection": "close",
}
#: What stripe knows an event by.
OF_STRIPE = {"id": "evt_1", "object": "event", "type": "order.created"}


class Delivery(NamedTuple):
    """The same delivery as the API signs it and as stripe does."""

    body: bytes
    headers: dict[str, str]
    stripe_body: bytes
    stripe_signature: str
    #: The class of its event, and the fields that came.
    kind: type[Any]
    fields: dict[str, Any]


def deliveries() -> dict[str, Delivery]:
    """Return the samples as signed deliveries, by their names."""
    return {path.stem: signed(orjson.loads(path.read_bytes())) for path in SAMPLES}


def signed(event: dict[str, Any]) -> Delivery:
    """Sign an event."""
    body, stripe_body = orjson.dumps(event), orjson.dumps(event | OF_STRIPE)
    now = int(time())  # stripe compares with the clock of the machine
    signature = hmac.new(KEY.encode(), b"%d." % now + stripe_body, hashlib.sha256).hexdigest()
    typed = parse(body)
    names = [field.name for field in attrs.fields(type(typed)) if getattr(typed, field.name) != field.default]
    return Delivery(
        body=body,
        headers={**USUAL_HEADERS, **sign(body, key=KEY, now=NOW)},
        stripe_body=stripe_body,
        stripe_signature=f"t={now},v1={signature}",
        kind=type(typed),
        fields={name: getattr(typed, name) for name in names},
    )


def bare(loads: Callable[[bytes], Any]) -> Callable[[Delivery], object]:
    """Return the HMAC and the JSON parse, and nothing else."""
    key = KEY.encode()

    def receive(delivery: Delivery) -> object:
        expected = hmac.new(key, delivery.body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, delivery.headers["cmr-x-signature"]):
            raise SystemExit("a signature is wrong")
        return loads(delivery.body)

    return receive


def with_event() -> Callable[[Delivery], object]:
    """Return the HMAC, the JSON parse and the making of an event."""
    receive = bare(orjson.loads)

    def make(delivery: Delivery) -> object:
        receive(delivery)
        return delivery.kind(**delivery.fields)

    return make


def only_verified(delivery: Delivery) -> object:
    """Verify a delivery."""
    return verify(delivery.body, delivery.headers, keys=KEY, now=NOW)


def ours(delivery: Delivery) -> object:
    """Verify a delivery and parse its event."""
    verified = verify(delivery.body, delivery.headers, keys=KEY, now=NOW)
    if not isinstance(verified, VerifiedDelivery):
        raise SystemExit(verified.message)
    event = parse(verified)
    if isinstance(event, Refusal):
        raise SystemExit(event.message)
    return event


def of_stripe(delivery: Delivery) -> object:
    """Verify a delivery and make an event of it, as stripe does it."""
    return stripe.Webhook.construct_event(delivery.stripe_body, delivery.stripe_signature, KEY, tolerance=86_400)


CONTENDERS: dict[str, Callable[[Delivery], object]] = {
    "hmac and json": bare(json.loads),
    "hmac and orjson": bare(orjson.loads),
    "with an event": with_event(),
    "verify": only_verified,
    "verify and parse": ours,
    "stripe": of_stripe,
}


def measure(delivery: Delivery, rounds: int) -> dict[str, float]:
    """Return the microseconds of CPU time that each contender takes for a delivery, best of the rounds."""
    best = dict.fromkeys(CONTENDERS, float("inf"))
    for _ in range(rounds):  # in turn and in short slices: a noisy neighbour meets all of them
        for name, receive in CONTENDERS.items():
            began = process_time()
            for _ in range(SLICE):
                receive(delivery)
            best[name] = min(best[name], (process_time() - began) / SLICE * 1e6)
    return best


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, stripe {stripe.VERSION}: us of CPU for a delivery;")
    print("then how many times those of hmac and json, of hmac and orjson, and of the latter with an event")
    print(f"{'sample':30}", *(f"{name:>16}" for name in CONTENDERS), f"{'ours':>17} {'stripe':>17}")
    sums = dict.fromkeys(CONTENDERS, 0.0)
    for sample, delivery in deliveries().items():
        best = measure(delivery, options.rounds)
        sums = {name: sums[name] + best[name] for name in CONTENDERS}
        show(sample, best)
    show("all", sums)


def show(sample: str, best: dict[str, float]) -> None:
    """Print the figures of a sample."""
    bare_ones = best["hmac and json"], best["hmac and orjson"], best["with an event"]
    ratios = [" ".join(f"{best[name] / bare:5.1f}" for bare in bare_ones) for name in ("verify and parse", "stripe")]
    print(f"{sample:30}", *(f"{cost:16.2f}" for cost in best.values()), *ratios)


if __name__ == "__main__":
    main()
