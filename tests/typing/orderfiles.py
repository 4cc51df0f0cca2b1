"""Checked by mypy and pyright, never run: files of orders, their plans and reports as a service uses them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, assert_type

from fastapi import UploadFile

from cmr_async import AsyncClient, BlockingBulkRun, BulkRun, Client, JournalEntry, OrderOutcome, OrderRequest
from cmr_async.orderfiles import FileLimits, InputFault, InputFormat, LocatedOrder, OrderFile, UnreadableOrder
from cmr_async.preflight import FilePlan, OrdersToSend, PriceList, plan_orders
from cmr_async.report import ReportPage, ResultRow, ResultWriter


def sources(file: BinaryIO, spooled: SpooledTemporaryFile[bytes], upload: UploadFile) -> None:
    OrderFile("orders.csv")
    OrderFile(Path("orders.csv"), name="orders of May.csv", format=InputFormat.CSV, limits=FileLimits(max_rows=10))
    OrderFile(b"", name="orders.csv", format="csv")
    OrderFile(BytesIO(b""), name=None)
    OrderFile(file)
    OrderFile(spooled)
    OrderFile(upload.file, name=upload.filename)


def reading(file: OrderFile) -> None:
    with file as entered:
        assert_type(entered, OrderFile)
    assert_type(file.orders(user_id="u"), Iterator[LocatedOrder | UnreadableOrder])
    for found in file.orders():
        if isinstance(found, UnreadableOrder):
            assert_type(found.faults, tuple[InputFault, ...])
        else:
            assert_type(found.request, OrderRequest)


def planning(file: OrderFile) -> FilePlan:
    plan_orders(file, confirm=True, domains_per_order=2, skip_invalid=True, retry_rejected=True, most_faults=5)
    plan = plan_orders(file, user_id="u", journal=Path("run.db"), prices=PriceList(), max_orders=1, max_spend=5)
    assert_type(plan, FilePlan)
    assert_type(plan.to_send, int)
    assert_type(plan.cost, Decimal)
    assert_type(plan.first_faults, tuple[InputFault, ...])
    assert_type(plan.first_cautions, tuple[InputFault, ...])
    assert_type(plan.refusal, str | None)
    assert_type(plan.user_ids, frozenset[str])
    return plan


async def sending(waiting: AsyncClient, blocking: Client, plan: FilePlan) -> None:
    orders = plan.orders_to_send()
    assert_type(orders, OrdersToSend)
    assert_type(waiting.bulk.submit(orders, journal="run.db"), BulkRun)
    assert_type(blocking.bulk.submit(orders, journal="run.db"), BlockingBulkRun)
    assert_type(orders.stopped, str | None)
    assert_type(orders.next_row, int | None)


def reports(outcome: OrderOutcome, orders: OrdersToSend, entry: JournalEntry) -> None:
    row = ResultRow.of(outcome, row=orders.row_of(outcome))
    assert_type(row, ResultRow)
    with ResultWriter(Path("results.csv"), overwrite=True) as results:
        assert_type(results.write(row), None)
    page = ReportPage(title="orders.csv")
    page.add_outcome(outcome, at=0.0)
    page.add(entry)
    assert_type(page.html(now=0.0), str)


def what_is_wrong_is_an_error(text: str, upload: UploadFile, file: OrderFile) -> None:
    OrderFile(upload)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    OrderFile(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with Path(text).open(encoding="utf-8") as opened:
        OrderFile(opened)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    plan_orders(text)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    plan_orders(file, "u")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
