"""What verifying and parsing a webhook costs over the bare HMAC and JSON parse, in the same run, in turn.

    python benchmarks/webhooks.py [--rounds 40]

Bare is the least that a receiver has to do: `hmac.new(...).hexdigest()`, `hmac.compare_digest`, and the JSON parse of
orjson or of the standard library. Ours is `verify` and `parse`, with headers as a framework has them. Each sample of
the API's documentation is measured by itself. The figures that count are the ratios of CPU time, best of the rounds;
absolute ones are this machine's.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import orjson

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
Delivery = tuple[bytes, dict[str, str]]


def deliveries() -> dict[str, Delivery]:
    """Return the samples as signed deliveries, by their names."""
    bodies = {path.stem: orjson.dumps(orjson.loads(path.read_bytes())) for path in SAMPLES}
    return {name: (body, {**USUAL_HEADERS, **sign(body, key=KEY, now=NOW)}) for name, body in bodies.items()}


def bare(loads: Callable[[bytes], Any]) -> Callable[[Delivery], object]:
    """Return the HMAC and the JSON parse, and nothing else."""
    key = KEY.encode()

    def receive(delivery: Delivery) -> object:
        body, headers = delivery
        expected = hmac.new(key, body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, headers["cmr-x-signature"]):
            raise SystemExit("a signature is wrong")
        return loads(body)

    return receive


def only_verified(delivery: Delivery) -> object:
    """Verify a delivery."""
    body, headers = delivery
    return verify(body, headers, keys=KEY, now=NOW)


def ours(delivery: Delivery) -> object:
    """Verify a delivery and parse its event."""
    body, headers = delivery
    verified = verify(body, headers, keys=KEY, now=NOW)
    if not isinstance(verified, VerifiedDelivery):
        raise SystemExit(verified.message)
    event = parse(verified)
    if isinstance(event, Refusal):
        raise SystemExit(event.message)
    return event


CONTENDERS: dict[str, Callable[[Delivery], object]] = {
    "hmac and orjson": bare(orjson.loads),
    "hmac and json": bare(json.loads),
    "verify": only_verified,
    "verify and parse": ours,
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
    print(f"Python {sys.version.split()[0]}, us of CPU for a delivery; ratios of verify and parse to the bare ones")
    print(f"{'sample':30} {'bytes':>5}", *(f"{name:>17}" for name in CONTENDERS), "  ratios")
    sums = dict.fromkeys(CONTENDERS, 0.0)
    for sample, delivery in deliveries().items():
        best = measure(delivery, options.rounds)
        sums = {name: sums[name] + best[name] for name in CONTENDERS}
        show(sample, len(delivery[0]), best)
    show("all", sum(len(body) for body, _ in deliveries().values()), sums)


def show(sample: str, size: int, best: dict[str, float]) -> None:
    """Print the figures of a sample."""
    ratios = [best["verify and parse"] / best[name] for name in ("hmac and orjson", "hmac and json")]
    print(f"{sample:30} {size:5}", *(f"{cost:17.2f}" for cost in best.values()), "  {:.2f} {:.2f}".format(*ratios))


if __name__ == "__main__":
    main()
