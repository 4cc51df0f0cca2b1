"""The report about a journal: what is on the page, and what is not."""

from __future__ import annotations

import base64
import hashlib
import re
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import attrs
import pytest

from cmr_async import (
    APIError,
    CMRError,
    DomainRegistration,
    Mailbox,
    Order,
    OrderOutcome,
    OrderRequest,
    OrderState,
    UnprocessableError,
)
from cmr_async.core.order.checked import check_request
from cmr_async.core.order.prices import PriceList
from cmr_async.journal.adding import planned
from cmr_async.journal.records import JournalEntry
from cmr_async.journal.states import Step, StepState
from cmr_async.models.requests import Verdict
from cmr_async.report.page import ReportPage, entry_of
from cmr_async.report.standing import Standing

START = 1_800_000_000.0


def entry(
    number: int, state: StepState, *, confirm: bool = False, warmup: bool | None = None, **values: Any
) -> JournalEntry:
    name = f"d{number}.com"
    mailbox = Mailbox(username="a", first_name="A", last_name="B", on_warmup=warmup)
    order = Order(domains=[DomainRegistration(domain=name)], mailboxes={name: [mailbox]}, confirm=confirm)
    request = OrderRequest(user_id="U1", order=order, reference=f"ref-{number}")
    times: dict[str, Any] = {"sent_at": START + number / 5, "ended_at": START + number / 5 + 0.1}
    return attrs.evolve(planned(check_request(request), position=number, now=START), state=state, **times, **values)


class Page(HTMLParser):
    """Collects the cells of each row by their headings, the states of the rows, the sums of money, and every tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.states: list[str | None] = []
        self.headings: list[str] = []
        self.cells: list[list[str]] = []
        self.sort_values: list[list[str | None]] = []
        self.money: dict[str, str] = {}
        self._texts: list[str] = []
        self._name = ""
        self.feed(text)

    @property
    def rows(self) -> list[dict[str, str]]:
        return [dict(zip(self.headings, cells, strict=True)) for cells in self.cells]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if "data-state" in dict(attrs):
            self.states.append(dict(attrs)["data-state"])
            self.cells.append([])
            self.sort_values.append([])
        if tag == "td":
            self.sort_values[-1].append(dict(attrs).get("data-sort"))
        if tag in {"td", "th", "dt", "dd"}:
            self._texts = []

    def handle_data(self, data: str) -> None:
        self._texts.append(data)

    def handle_endtag(self, tag: str) -> None:
        text = "".join(self._texts)
        match tag:
            case "td":
                self.cells[-1].append(text)
            case "th":
                self.headings.append(text)
            case "dt":
                self._name = text
            case "dd":
                self.money[self._name] = text
            case _:
                pass


def page(*entries: JournalEntry, **settings: Any) -> str:
    report = ReportPage(title="run.db", **settings)
    for one in entries:
        report.add(one)
    return report.html(now=START)


def test_a_long_table_is_cut_after_what_needs_a_person_and_the_totals_are_of_all() -> None:
    accepted = [entry(number, StepState.ACCEPTED) for number in range(9)]
    text = page(*accepted, entry(9, StepState.UNKNOWN), most_rows=3)
    assert Page(text).states == ["unknown", "accepted", "accepted"]
    assert "ref-1<" in text
    assert "ref-2<" not in text
    assert "<b>9</b>accepted" in text
    assert "7 more are not shown here" in text
    assert "more are not shown" not in page(*accepted, most_rows=9)


def test_unknown_orders_come_first_and_are_warned_about() -> None:
    paid = [entry(2, StepState.UNKNOWN, confirm=True), entry(3, StepState.UNKNOWN, confirm=True)]
    text = page(entry(0, StepState.ACCEPTED), entry(1, StepState.REJECTED), entry(4, StepState.UNKNOWN), *paid)
    assert Page(text).states == ["unknown", "unknown", "unknown", "rejected", "accepted"]
    assert "2 may or may not have been placed. Do not send them again: run <code>cmr orders reconcile</code>" in text
    assert "1 may or may not exist as a draft, and a second draft costs nothing" in text


def test_the_processing_of_a_draft_is_counted_by_itself() -> None:
    drafts = [entry(number, StepState.ACCEPTED) for number in range(2)]
    text = page(*drafts, attrs.evolve(drafts[0], step=Step.PROCESS, state=StepState.UNKNOWN))
    created, processed = text.split("<h2>Processing of drafts</h2>")
    assert "<b>2</b>accepted" in created
    assert "<b>0</b>unknown" in created
    assert "<b>0</b>accepted" in processed
    assert "<b>1</b>unknown" in processed
    assert [row["Kind"] for row in Page(text).rows] == ["processing", "draft", "draft"]
    assert "<h2>Processing" not in page(*drafts)


def test_a_row_has_a_cell_for_each_heading_and_values_to_sort_by() -> None:
    found = Page(page(entry(1, StepState.ACCEPTED, confirm=True, order_id="ORD-1", message="queued", attempts=2)))
    assert found.rows == [
        {
            "State": "accepted",
            "Price, about": "$18.88",
            "Reference": "ref-1",
            "Domains": "d1.com",
            "Kind": "paid",
            "Attempts": "2",
            "User": "U1",
            "Order": "ORD-1",
            "Sent (UTC)": "2027-01-15 08:00:00",
            "Message and evidence": "queued",
        }
    ]
    assert found.sort_values == [["9", "1888", *[None] * 8]]


def test_several_domains_are_shown_apart() -> None:
    body = '{"confirm":true,"domains":[{"domain":"a-b.com","years":1},{"domain":"c-d.com","years":1}]}'
    text = page(entry(0, StepState.ACCEPTED, body=body))
    assert "<td><span>a-b.com</span> <span>c-d.com</span></td>" in text
    assert Page(text).rows[0]["Domains"] == "a-b.com c-d.com"


def test_on_a_narrow_screen_the_style_labels_each_value_by_its_heading() -> None:
    text = page(entry(0, StepState.ACCEPTED))
    labels = re.findall(r'td:nth-child\((\d+)\)::before \{ content: "([^"]+)"', text)
    assert [name for _, name in labels] == Page(text).headings
    assert [int(number) for number, _ in labels] == list(range(1, len(labels) + 1))


def test_without_its_script_the_page_shows_every_row_and_no_control() -> None:
    text = page(entry(0, StepState.ACCEPTED), entry(1, StepState.UNKNOWN))
    assert '<div class="controls" hidden>' in text
    assert "button" not in Page(text).tags
    assert len(Page(text).rows) == 2


def test_the_states_to_choose_from_are_those_of_the_table() -> None:
    text = page(entry(0, StepState.ACCEPTED), entry(1, StepState.UNKNOWN, verdict=Verdict.PLACED))
    assert re.findall(r'<option value="(\w*)">', text) == ["", "placed", "accepted"]


def test_each_part_of_the_money_is_summed_up_by_itself() -> None:
    paid = [
        entry(0, StepState.ACCEPTED, confirm=True),
        entry(1, StepState.UNKNOWN, confirm=True, verdict=Verdict.PLACED),
        entry(2, StepState.UNKNOWN, confirm=True),
        entry(3, StepState.REJECTED, confirm=True),
        entry(4, StepState.PLANNED, confirm=True),
    ]
    assert Page(page(*paid)).money == {
        "Ordered 2 orders, accepted, or found placed": "about $37.76",
        "In doubt 1 order, may or may not have been ordered": "about $18.88",
        "Refused 1 order, by our reading nothing was bought": "about $18.88",
        "Not ordered 1 order, not sent, planned, or found absent": "about $18.88",
    }


def test_a_draft_costs_nothing_until_it_is_processed() -> None:
    draft = entry(0, StepState.ACCEPTED)
    found = Page(page(draft))
    assert found.money == {"Unpaid drafts 1 order, cost nothing until they are processed": "about $18.88"}
    assert found.rows[0]["Price, about"] == "$18.88 when paid"
    processed = Page(page(draft, attrs.evolve(draft, step=Step.PROCESS)))
    assert processed.money == {"Ordered 1 order, accepted, or found placed": "about $18.88"}
    assert "Nothing in it costs money." in page(entry(0, StepState.UNKNOWN))


def test_the_page_says_where_its_prices_are_from() -> None:
    own = PriceList(mailbox=Decimal(4), domain=Decimal(10), warmup=Decimal(2), source="an estimate from <own>.json")
    paid = entry(0, StepState.ACCEPTED, confirm=True, warmup=True)
    assert "the amount in one sample webhook" in page(paid)
    text = page(paid, prices=own)
    assert "mailboxes at $4.00 each for the first month; an estimate from &lt;own&gt;.json. Warmup at $2.00" in text
    assert list(Page(text).money.values()) == ["about $16.00"]


def test_a_price_that_is_not_known_is_said_to_be_not_known() -> None:
    text = page(*(entry(number, StepState.ACCEPTED, confirm=True, warmup=True) for number in range(2)))
    found = Page(text)
    assert list(found.money.values()) == ["about $37.76 and the warmup of 2 mailboxes"]
    assert found.rows[0]["Price, about"] == "$18.88 and warmup"
    assert "Warmup has no published price and is not included." in text
    assert "Warmup" not in page(entry(0, StepState.ACCEPTED, confirm=True))


def test_an_order_that_cannot_be_read_has_no_price() -> None:
    broken = '{"confirm":"perhaps","domains":[{"domain":"d1.com"}]}'
    found = Page(page(entry(1, StepState.ACCEPTED, confirm=True, body=broken)))
    assert (found.rows[0]["Domains"], found.rows[0]["Price, about"]) == ("d1.com", "not known")
    assert list(found.money.values()) == ["about $0.00, without 1 whose text in the journal is no order"]


@pytest.mark.parametrize(
    ("verdict", "words", "counted"),
    [
        (Verdict.PLACED, "found placed", "counted as ordered."),
        (Verdict.ABSENT, "found absent", "counted as not ordered."),
    ],
)
def test_an_unknown_order_that_was_settled_counts_and_reads_as_what_was_found(
    verdict: Verdict, words: str, counted: str
) -> None:
    warned = "It may have been placed. Do not send it again"
    text = page(
        entry(
            0, StepState.UNKNOWN, confirm=True, verdict=verdict, evidence="the list of domains says so", message=warned
        )
    )
    found = Page(text)
    assert found.states == [verdict.value]
    assert found.rows[0]["State"] == words
    assert found.rows[0]["Message and evidence"] == "the list of domains says so"
    assert f"<b>1</b>{words}" in text
    assert "<b>0</b>unknown" in text
    assert f"1 without an answer, then {words}: {counted}" in text
    assert "Do not send" not in text


def test_an_order_with_contradictory_evidence_stays_in_doubt() -> None:
    warned = "It may have been placed. Do not send it again"
    text = page(
        entry(0, StepState.UNKNOWN, confirm=True, verdict=Verdict.CONFLICT, evidence="two say so", message=warned)
    )
    found = Page(text)
    assert found.rows[0]["State"] == "conflicting evidence"
    assert found.rows[0]["Message and evidence"] == f"{warned} · two say so"
    assert "1 with contradictory evidence. Do not send it again" in text
    assert list(found.money) == ["In doubt 1 order, may or may not have been ordered"]


def test_a_processing_that_was_found_absent_is_planned_again_by_its_step() -> None:
    draft = entry(0, StepState.ACCEPTED)
    text = page(draft, attrs.evolve(draft, step=Step.PROCESS, state=StepState.UNKNOWN, verdict=Verdict.ABSENT))
    assert "<code>cmr orders resubmit --all-absent --step process</code> plans it again." in text


def test_an_order_without_some_of_its_domains_is_accepted_in_part_and_stands_before_those_that_are_whole() -> None:
    text = page(entry(0, StepState.ACCEPTED), entry(1, StepState.ACCEPTED, unavailable=("d1.com",), message="queued"))
    first = Page(text).rows[0]
    assert (first["State"], first["Message and evidence"]) == ("accepted in part", "without d1.com · queued")
    assert "1 accepted without some of its domains, which the API calls unavailable." in text


def test_a_run_without_a_journal_is_told_of_no_command_that_needs_one() -> None:
    unknown = [entry(0, StepState.UNKNOWN, confirm=True), entry(1, StepState.UNKNOWN)]
    text = page(*unknown, has_journal=False, most_rows=1)
    assert "Do not send it again: look in the Partner Dashboard first." in text
    assert "1 more are not shown here: <code>--output</code> has all of them." in text
    assert "cmr " not in text


def test_what_the_api_said_cannot_become_markup() -> None:
    text = page(entry(0, StepState.REJECTED, message="</td><script>alert(1)</script>", order_id="<img src=x>"))
    assert Page(text).tags.count("script") == 1
    assert "img" not in Page(text).tags


def test_what_the_api_said_turns_no_text_around_and_controls_no_terminal() -> None:
    text = page(entry(0, StepState.REJECTED, message="\u202egnihton\x1b[2J", order_id="\u200bORD"))
    assert not {"\u202e", "\x1b", "\u200b"} & set(text)
    assert r"<td>\u202egnihton\x1b[2J</td>" in text


def test_neither_excerpts_nor_bodies_of_orders_are_shown() -> None:
    text = page(entry(0, StepState.UNKNOWN, body_excerpt="excerpt-of-an-answer"))
    assert "excerpt-of-an-answer" not in text
    assert "firstName" not in text


def test_the_page_asks_nothing_of_the_network() -> None:
    text = page(entry(0, StepState.ACCEPTED))
    assert "default-src 'none'" in text
    assert not re.search(r"https?://|url\(", text)


def test_the_curve_of_many_orders_has_few_points_and_ends_with_the_last() -> None:
    text = page(*(entry(number, StepState.ACCEPTED) for number in range(2_001)))
    curve = re.search(r'class="line" points="([^"]*)"', text)
    assert curve is not None
    points = curve[1].split()
    assert len(points) <= 503
    assert points[-1] == "1000.0,0.0"


def test_a_journal_without_accepted_orders_has_no_curve() -> None:
    assert "No order is accepted yet." in page()


def test_only_the_style_and_the_script_of_the_page_may_run() -> None:
    text = page(entry(0, StepState.ACCEPTED))
    for kind in ("style", "script"):
        found = re.search(f"<{kind}>(.*?)</{kind}>", text, re.DOTALL)
        assert found is not None
        digest = base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in text


def test_an_outcome_without_a_journal_is_shown_like_an_entry_of_one() -> None:
    order = Order(domains=[DomainRegistration(domain="a.com")], confirm=True)
    request = OrderRequest(user_id="U1", order=order)
    error = UnprocessableError("not available")
    found = entry_of(
        OrderOutcome(index=3, request=request, state=OrderState.REJECTED, error=error, attempts=1), at=START
    )
    assert found.key.startswith("sha256:")
    assert (found.position, found.user_id, found.state, found.confirm) == (3, "U1", StepState.REJECTED, True)
    assert (found.message, found.attempts, found.planned_at, found.ended_at) == ("not available", 1, START, START)


def test_a_page_takes_outcomes_as_well_as_entries() -> None:
    order = Order(domains=[DomainRegistration(domain="a.com")])
    outcome = OrderOutcome(index=0, request=OrderRequest(user_id="U1", order=order), state=OrderState.UNKNOWN)
    by_outcome, by_entry = ReportPage(title="orders.csv"), ReportPage(title="orders.csv")
    by_outcome.add_outcome(outcome, at=START)
    by_entry.add(entry_of(outcome, at=START))
    assert by_outcome.steps == 1
    assert by_outcome.html(now=START) == by_entry.html(now=START)


@pytest.mark.parametrize(
    ("known", "shown"),
    [
        ({"order_id": "ORD"}, Standing.ACCEPTED),
        ({"order_id": "ORD", "unavailable_domains": ("a.com",)}, Standing.PARTIAL),
        ({"verdict": Verdict.PLACED}, Standing.PLACED),
        ({"error": APIError("a was refused in an earlier run: no", status=422)}, Standing.REJECTED),
        ({"error": CMRError("a is being sent by another run.")}, Standing.SENT),
    ],
)
def test_an_outcome_that_an_earlier_run_settled_is_shown_as_it_stands(known: dict[str, Any], shown: Standing) -> None:
    order = Order(domains=[DomainRegistration(domain="a.com")], confirm=True)
    outcome = OrderOutcome(
        index=0, request=OrderRequest(user_id="U1", order=order), **{"state": OrderState.SKIPPED, **known}
    )
    found = entry_of(outcome, at=START)
    assert Standing.of(found) is shown
    assert found.ended_at is None  # it did not end in this run
    page = ReportPage(title="orders.csv")
    page.add_outcome(outcome, at=START)
    assert page.steps == 1
