"""Entries: what is read from them, and how they are exported."""

from __future__ import annotations

import attrs
import pytest

from cmr_async.core.order.checked import check_request
from cmr_async.errors import ValidationError
from cmr_async.journal.identity import fingerprint
from cmr_async.journal.journal import Journal
from cmr_async.journal.records import JOURNAL_COLUMNS, JournalEntry, storable
from cmr_async.journal.states import Step
from cmr_async.models.requests import Verdict
from tests.journal.arrange import ACCEPTED, PLANNED, UNKNOWN, a_request, claimed, run_python, stored


def an_entry(body: str = '{"confirm":false}') -> JournalEntry:
    return JournalEntry(
        key="A",
        step=Step.CREATE,
        position=0,
        user_id="U1",
        reference="A",
        body=body,
        fingerprint="f",
        confirm=False,
        state=PLANNED,
        planned_at=0.0,
    )


def test_an_entry_has_its_order_its_request_and_its_domains() -> None:
    request = a_request()
    entry = an_entry(check_request(request).body.decode())
    assert (entry.order, entry.request, entry.domains) == (request.order, request, ("example.com",))


def test_a_body_that_somebody_edited_is_no_order() -> None:
    with pytest.raises(ValidationError, match="confirm: must be true or false, not 'no'"):
        _ = an_entry('{"confirm":"no"}').order


def test_a_field_of_a_body_that_the_sdk_does_not_know_is_kept() -> None:
    assert an_entry('{"confirm":false,"colour":"red"}').order.extra == {"colour": "red"}


def test_an_order_is_waited_for_under_its_reference_and_without_what_the_api_did_not_have() -> None:
    entry = an_entry(check_request(a_request()).body.decode())
    entry = attrs.evolve(entry, reference="A", order_id="O", unavailable=("Example.COM", "b.com.", "no domain"))
    token = entry.order_token()
    assert (token.order_id, token.reference, token.domains) == ("O", "A", ("example.com",))
    assert token.unavailable == ("example.com", "b.com", "no domain")


def test_a_row_says_the_verdict_and_leaves_out_what_is_not_known() -> None:
    row = attrs.evolve(an_entry(), state=UNKNOWN, verdict=Verdict.PLACED).plain()
    assert (row["verdict"], row["domains"], row["mailboxes"], row["sent_at"]) == ("placed", "", 0, None)


def test_text_that_no_database_takes_is_replaced() -> None:
    assert storable("a\0b\ud800c") == "a\N{REPLACEMENT CHARACTER}b?c"


def test_records_need_no_database_library() -> None:
    code = "import sys, cmr_async.journal.identity, cmr_async.journal.records; print('sqlalchemy' in sys.modules)"
    assert run_python(code) == "False\n"


async def test_an_entry_is_exported_as_one_flat_row(journal: Journal) -> None:
    await journal.add([a_request()])
    await journal.record(await claimed(journal), ACCEPTED, order_id="O1", status=201, message="ok", attempts=1)
    row = (await stored(journal)).plain()
    assert tuple(row) == JOURNAL_COLUMNS
    assert row == {
        "key": "A",
        "step": "create",
        "state": "accepted",
        "verdict": None,
        "reference": "A",
        "position": 0,
        "user_id": "U1",
        "kind": "order",
        "domains": "example.com",
        "mailboxes": 1,
        "confirm": False,
        "order_id": "O1",
        "action_id": None,
        "unavailable": "",
        "status": 201,
        "attempts": 1,
        "message": "ok",
        "evidence": "",
        "body_excerpt": "",
        "recovered": False,
        "planned_at": "2027-01-15T08:00:00.000+00:00",
        "sent_at": "2027-01-15T08:00:00.000+00:00",
        "ended_at": "2027-01-15T08:00:00.000+00:00",
        "verdict_at": None,
        "fingerprint": fingerprint(a_request()),
    }
    assert {type(value) for value in row.values()} <= {str, int, bool, type(None)}


def test_an_exported_row_is_redacted_once_more() -> None:
    said = '{"password": "hunter2"} at https://me:hunter2@host/'
    row = attrs.evolve(an_entry(), message=said, evidence=said, body_excerpt=said).plain()
    for name in ("message", "evidence", "body_excerpt"):
        assert row[name] == '{"password": "***"} at https://***@host/'
