"""How fast order files are read and checked, beside pydantic doing the same checks on the same rows.

Run: python benchmarks/read_rows.py [rows] (default 300,000; needs the extra cli's environment and pydantic).
Prints mailbox rows a second of CPU time for four shapes of file, median and best of five rounds in turn, and the peak
memory of a plan. Ours also finds contradicting cells, torn rows, twice-named orders and mailboxes; pydantic's does not.
"""

from __future__ import annotations

import csv
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

from cmr_async.orderfiles.file import OrderFile
from cmr_async.orderfiles.table.header import COLUMNS
from cmr_async.preflight.file_check import check_file

ROUNDS = 5
GOOGLE = {
    "service_provider": "GOOGLE",
    "billing_cycle": "MONTHLY",
    "auto_renew": "true",
    "google_oauth_route": "https://accounts.google.com/o/oauth2/v2/auth/oauthchooseaccount?access_type=offline",
    "google_client_id": "549360251880-maeh4okn7btu9cjtf0l2bt1t5b22sbf8.apps.googleusercontent.com",
    "google_app_name": "Outreach App",
}


def write(path: Path, rows: int, boxes: int, *, full: bool, people: int) -> None:
    """Write a table.

    Args:
        path: Where to.
        rows: How many mailboxes.
        boxes: How many of them an order has.
        full: Repeat the order's cells in every row; else they stand in its first row only.
        people: After so many rows the same names come again.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        for number in range(rows):
            order, box = divmod(number, boxes)
            row = {
                "user_id": "BVZGM5TE9BMP3PP0VWGW943RGV1B",
                "reference": f"ref-{order}",
                "domain": f"domain-{order}.com",
                "username": f"ann.lee{number % people}",
                "first_name": f"Ann{number % people}",
                "last_name": "Lee",
            }
            if full:
                row |= {"profile_picture": f"https://img.example.com/{number % people}.png", "on_warmup": "true"}
            if full or box == 0:
                row |= {"years": "1", "forward_to": f"home-{order % 50}.com", **GOOGLE}
            writer.writerow(row)


def with_cmr_async(path: Path) -> int:
    count = 0
    with OrderFile(path) as file:
        for found in check_file(file.orders()):
            assert found.checked is not None
            for boxes in found.checked.order.mailboxes.values():
                count += len(boxes)
    return count


def pydantic_reader() -> Callable[[Path], int]:  # noqa: C901 - the contender does all its checks here
    """The same checks as pydantic models: rows by DictReader, grouped by reference, one model per order."""
    from pydantic import AfterValidator, BaseModel, Field, StringConstraints

    url = StringConstraints(pattern=r"^https?://[^\s/?#]+\S*$")
    name = r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$"
    domain = re.compile(r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{2,59})")

    def is_domain(value: str) -> str:
        if not domain.fullmatch(value):
            raise ValueError("is no domain name")
        return value

    class Box(BaseModel):
        username: Annotated[str, StringConstraints(pattern=name, max_length=64)]
        first_name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
        last_name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
        profile_picture: Annotated[str, url] | None = None
        on_warmup: bool | None = None

    class Registration(BaseModel):
        domain: Annotated[str, AfterValidator(is_domain)]
        years: int = Field(ge=1)
        forward_to: Annotated[str, AfterValidator(is_domain)] | None = None

    class OAuth(BaseModel):
        google_oauth_route: Annotated[str, url] | None = None
        client_id: str | None = None
        app_name: str | None = None

    class OneOrder(BaseModel):
        user_id: Annotated[str, StringConstraints(min_length=1)]
        domains: list[Registration]
        mailboxes: dict[str, list[Box]]
        billing_cycle: str | None = None
        service_provider: str | None = Field(default=None, pattern="^(GOOGLE|MICROSOFT)$")
        google: OAuth | None = None
        auto_renew: bool | None = None

    def orders(path: Path) -> Iterator[dict[str, Any]]:
        with path.open(encoding="utf-8", newline="") as file:
            reference, order = None, None
            for row in csv.DictReader(file):
                if row["reference"] != reference:
                    if order is not None:
                        yield order
                    reference = row["reference"]
                    order = {
                        "user_id": row["user_id"],
                        "domains": [
                            {"domain": row["domain"], "years": row["years"], "forward_to": row["forward_to"] or None}
                        ],
                        "mailboxes": {row["domain"]: []},
                        "billing_cycle": row["billing_cycle"] or None,
                        "service_provider": row["service_provider"] or None,
                        "google": {
                            "google_oauth_route": row["google_oauth_route"] or None,
                            "client_id": row["google_client_id"] or None,
                            "app_name": row["google_app_name"] or None,
                        },
                        "auto_renew": row["auto_renew"] or None,
                    }
                assert order is not None
                order["mailboxes"][row["domain"]].append(
                    {
                        "username": row["username"],
                        "first_name": row["first_name"],
                        "last_name": row["last_name"],
                        "profile_picture": row["profile_picture"] or None,
                        "on_warmup": row["on_warmup"] or None,
                    }
                )
            if order is not None:
                yield order

    def read(path: Path) -> int:
        seen: set[str] = set()
        count = 0
        for plain in orders(path):
            order = OneOrder.model_validate(plain)
            for entry in order.domains:
                assert entry.domain not in seen
                seen.add(entry.domain)
            count += sum(map(len, order.mailboxes.values()))
        return count

    return read


def rate(read: Callable[[Path], int], path: Path, rows: int) -> float:
    started = time.process_time()
    assert read(path) == rows
    return rows / (time.process_time() - started)


def plan_memory(path: Path) -> float:
    """Peak memory of `plan` in a process of its own, in MiB."""
    code = (
        "import resource, sys\n"
        "from cmr_async.orderfiles.file import OrderFile\n"
        "from cmr_async.preflight.file_check import check_file\n"
        "from cmr_async.preflight.plan import count_orders\n"
        "file = OrderFile(sys.argv[1])\n"
        "plan = count_orders(check_file(file.orders()))\n"
        "print(plan.orders, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    return int(run.stdout.split()[1]) / 1024


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    readers: dict[str, Callable[[Path], int]] = {"cmr_async": with_cmr_async}
    try:
        readers["pydantic"] = pydantic_reader()
    except ImportError:
        print("pydantic is not installed: measuring cmr_async alone")
    shapes = {
        "3 mailboxes an order, order cells once": (3, False, 3),
        "3 mailboxes an order, every cell filled": (3, True, 3),
        "3 mailboxes an order, order cells once, no name twice": (3, False, rows),
        "25 mailboxes an order, order cells once": (25, False, 25),
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, (boxes, full, people) in shapes.items():
            path = Path(folder) / "orders.csv"
            write(path, rows, boxes, full=full, people=people)
            rates: dict[str, list[float]] = {reader: [] for reader in readers}
            for _ in range(ROUNDS):
                for reader, read in readers.items():
                    rates[reader].append(rate(read, path, rows))
            print(name)
            for reader, values in rates.items():
                print(f"  {reader:<10} {statistics.median(values):>10,.0f} rows a second, best {max(values):,.0f}")
        write(path, 1_000_000, 1, full=False, people=1_000_000)
        print(f"plan of 1,000,000 rows, an order each: {plan_memory(path):.0f} MiB at most")


if __name__ == "__main__":
    main()
