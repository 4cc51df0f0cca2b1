"""The report about a journal: what is on the page, and what is not."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

import attrs

from cmr_async import DomainRegistration, Mailbox, Order, OrderOutcome, OrderRequest, OrderState, UnprocessableError
from cmr_async.core.checked import check_request
from cmr_async.journal.adding import planned
from cmr_async.journal.records import JournalEntry
from cmr_async.journal.states import Step, StepState
from cmr_async.models.requests import Verdict
from cmr_async.report.page import ReportPage, entry_of

START = 1_800_000_000.0


def entry(number: int, state: StepState, **values: Any) -> JournalEntry:
    name = f"d{number}.com"
    mailbox = Mailbox(username="a", first_name="A", last_name="B")
    order = Order(domains=[DomainRegistration(domain=name)], mailboxes={name: [mailbox]})
    request = OrderRequest(user_id="U1", order=order, reference=f"ref-{number}")
    times: dict[str, Any] = {"sent_at": START + number / 5, "ended_at": START + number / 5 + 0.1}
    return attrs.evolve(planned(check_request(request), position=number, now=START), state=state, **times, **values)


class Page(HTMLParser):
    """Collects the states of the rows in their order, and every tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.states: list[str | None] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if "data-state" in dict(attrs):
            self.states.append(dict(attrs)["data-state"])


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
    text = page(entry(0, StepState.ACCEPTED), entry(1, StepState.REJECTED), entry(2, StepState.UNKNOWN))
    assert Page(text).states == ["unknown", "rejected", "accepted"]
    assert "1 may or may not have been placed" in text


def test_the_processing_of_a_draft_is_counted_by_itself_and_called_paid() -> None:
    drafts = [entry(number, StepState.ACCEPTED) for number in range(2)]
    text = page(*drafts, attrs.evolve(drafts[0], step=Step.PROCESS, state=StepState.UNKNOWN))
    created, processed = text.split("<h2>Processing of drafts</h2>")
    assert "<b>2</b>accepted" in created
    assert "<b>0</b>unknown" in created
    assert "<b>0</b>accepted" in processed
    assert "<b>1</b>unknown" in processed
    assert re.findall("<td>(paid|draft)</td>", text) == ["paid", "draft", "draft"]
    assert "<h2>" not in page(*drafts)


def test_an_order_with_a_verdict_is_not_warned_about() -> None:
    text = page(entry(0, StepState.UNKNOWN, verdict=Verdict.ABSENT, evidence="no domain of it is there"))
    assert "may or may not" not in text
    assert "no domain of it is there" in text


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
    assert points[-1] == "890.0,16.0"


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
