"""Orders of a file beside what a journal holds: what is settled, changed, or bought under another key."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest
import sqlalchemy as sa

from cmr_async import DomainRegistration, Mailbox, MailboxOrder, Order, OrderRequest
from cmr_async.errors import JournalError, JournalVersionError
from cmr_async.journal.identity import order_key
from cmr_async.journal.journal import Journal, Step, StepState, Verdict
from cmr_async.orderfiles.located import LocatedOrder
from cmr_async.preflight.file_check import FileOrder, check_file
from cmr_async.preflight.journal_check import JournalCheck
from cmr_async.preflight.plan import Plan, count_orders
from tests.journal.arrange import stored

#: Journals of older schema versions, as SQL text.
SAMPLES = Path(__file__).parents[1] / "samples"


def request(name: str, *, reference: str | None = None, forward_to: str | None = None) -> OrderRequest:
    order = Order(domains=[DomainRegistration(domain=f"{name}.com", forward_to=forward_to)])
    return OrderRequest(user_id="U1", reference=reference or name, order=order)


def located(*requests: OrderRequest) -> list[LocatedOrder]:
    return [
        LocatedOrder(source="a.jsonl", row=row, key=given.reference or str(row), request=given)
        for row, given in enumerate(requests, 1)
    ]


def checked(location: str, *requests: OrderRequest, retry_rejected: bool = False) -> list[FileOrder]:
    with JournalCheck(location, retry_rejected=retry_rejected) as known:
        return list(known.compare(check_file(located(*requests))))


def faults(location: str, *requests: OrderRequest) -> list[str]:
    return [str(fault) for read in checked(location, *requests) for fault in read.faults]


def paid(given: OrderRequest) -> OrderRequest:
    return attrs.evolve(given, order=attrs.evolve(given.order, confirm=True))


async def process(location: str, key: str, state: StepState | None) -> None:
    """Have the journal hold the processing of a draft, in this state."""
    async with Journal(location) as journal:
        assert await journal.add_processing([key]) == 1
        if state is not None:
            claim = await journal.claim(key, step=Step.PROCESS)
            assert claim is not None
            await journal.record(claim, state)


async def write(
    location: str,
    *requests: OrderRequest,
    state: StepState | None = StepState.ACCEPTED,
    verdict: Verdict | None = None,
) -> None:
    """Have the journal hold these orders, in this state."""
    async with Journal(location) as journal:
        for entry in await journal.add(requests):
            if state is not None:
                claim = await journal.claim(entry.key)
                assert claim is not None
                await journal.record(claim, state, order_id=f"O-{entry.key}" if state is StepState.ACCEPTED else None)
            if verdict is not None:
                await journal.verdict(await stored(journal, entry.key), verdict, "looked up")


async def test_what_a_run_would_not_send_is_settled(location: str) -> None:
    for state in StepState:
        if state not in {StepState.PLANNED, StepState.SENT}:
            await write(location, request(state.value.replace("_", "-")), state=state)
    await write(location, request("planned"), state=None)
    given = ("accepted", "rejected", "unknown", "not-sent", "planned", "new")
    found = checked(location, *map(request, given))
    assert [read.settled for read in found] == ["accepted", "rejected", "unknown", None, None, None]
    assert all(read.checked is not None for read in found)


async def test_a_claim_without_an_outcome_is_settled(location: str) -> None:
    async with Journal(location) as journal:
        (entry,) = await journal.add([request("one")])
        await journal.claim(entry.key)
        assert [read.settled for read in checked(location, request("one"))] == ["sent"]


async def test_settled_orders_cost_nothing_and_are_counted_by_state(location: str) -> None:
    await write(location, request("one"), request("two"))
    await write(location, request("three"), state=StepState.UNKNOWN)
    with JournalCheck(location) as known:
        plan = count_orders(known.compare(check_file(located(*map(request, ("one", "two", "three", "four"))))))
    assert plan.settled == {"accepted": 2, "unknown": 1}
    assert (plan.orders, plan.to_send, plan.domains, plan.affordable) == (4, 1, 1, 1)
    assert plan.cost == plan.affordable_cost == Plan().prices.domain


@pytest.mark.parametrize("state", [StepState.ACCEPTED, StepState.UNKNOWN])
async def test_another_order_under_a_known_key_is_a_fault_that_shows_the_difference(
    location: str, state: StepState
) -> None:
    await write(location, request("one", forward_to="a.com"), state=state)
    (read,) = checked(location, request("one", forward_to="b.com"))
    assert (read.checked, read.changed) == (None, True)
    (fault,) = map(str, read.faults)
    difference = 'a.jsonl, row 1, domains[0].forwardTo: the journal has "a.com", now it is "b.com"'
    assert fault == f"{difference} (one, {state} there)"


@pytest.mark.parametrize("state", [StepState.REJECTED, StepState.NOT_SENT, None])
async def test_a_corrected_order_is_sent_when_its_first_form_bought_nothing(
    location: str, state: StepState | None
) -> None:
    await write(location, request("one", forward_to="a.com"), state=state)
    (read,) = checked(location, request("one", forward_to="b.com"))
    assert (read.faults, read.settled, read.changed) == ((), None, False)
    assert read.checked is not None


@pytest.mark.parametrize("changed", [request("one", forward_to="b.com"), paid(request("one"))])
async def test_an_order_that_was_ever_unknown_keeps_its_form(location: str, changed: OrderRequest) -> None:
    await write(location, request("one"), state=StepState.UNKNOWN, verdict=Verdict.ABSENT)
    async with Journal(location) as journal:
        await journal.resubmit("one")
    (read,) = checked(location, changed)
    assert (read.checked, read.changed, len(read.faults)) == (None, True, 1)
    assert "(one, planned there)" in read.faults[0].message


async def test_the_same_order_is_known_with_and_without_a_reference(location: str) -> None:
    await write(location, request("one"), attrs.evolve(request("two"), reference=None))
    unnamed = attrs.evolve(request("one"), reference=None)
    assert [read.settled for read in checked(location, unnamed, request("two"))] == ["accepted", "accepted"]
    assert [read.settled for read in checked(location, request("one", reference=" one "))] == ["accepted"]


@pytest.mark.parametrize("version", [1, 2, 3])
async def test_the_orders_of_an_older_journal_are_known_by_what_they_buy_and_it_is_not_changed(
    tmp_path: Path, version: int
) -> None:
    """Older versions made up references for the rows of a table."""
    path = tmp_path / "run.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((SAMPLES / f"journal-schema-{version}.sql").read_text())
        connection.execute("PRAGMA foreign_keys = OFF")
        for table in ("cmr_orders", "cmr_steps"):
            connection.execute(f"UPDATE {table} SET key = 'U1:accepted.com' WHERE key = 'accepted'")
        connection.execute("UPDATE cmr_orders SET reference = key WHERE key = 'U1:accepted.com'")
        connection.commit()
    before = dump(str(path))
    box = Mailbox(username="ada", first_name="Ada", last_name="Lovelace")

    def asked(name: str, reference: str | None) -> OrderRequest:
        order = Order(domains=[DomainRegistration(domain=f"{name}.com")], mailboxes={f"{name}.com": [box]})
        return OrderRequest(user_id="U1", reference=reference, order=attrs.evolve(order, confirm=True))

    given = (("accepted", None), ("unknown-placed", None), ("rejected", "rejected"), ("planned", None), ("new", None))
    found = checked(str(path), *(asked(*one) for one in given))
    assert [read.faults for read in found] == [()] * 5
    assert [read.settled for read in found] == ["accepted", "placed", "rejected", None, None]
    assert [read.settled for read in checked(str(path), asked("accepted", "mine"))] == ["accepted"]
    assert dump(str(path)) == before


async def test_settled_unknowns_are_called_by_their_verdict(location: str) -> None:
    for verdict in Verdict:
        await write(location, request(verdict.value), state=StepState.UNKNOWN, verdict=verdict)
    found = checked(location, *(request(verdict.value) for verdict in Verdict))
    assert [read.settled for read in found] == ["placed", "absent", "unknown"]


async def test_refused_orders_are_sent_again_on_request(location: str) -> None:
    await write(location, request("one"), state=StepState.REJECTED)
    assert [read.settled for read in checked(location, request("one"))] == ["rejected"]
    assert [read.settled for read in checked(location, request("one"), retry_rejected=True)] == [None]


async def test_a_difference_in_a_table_is_named_by_row_and_column(location: str, tmp_path: Path) -> None:
    from cmr_async.orderfiles.file import OrderFile

    path = tmp_path / "a.csv"
    path.write_text(
        "user_id,reference,domain,username,first_name,last_name\nU1,A,a.com,ann,Ann,Lee\nU1,A,a.com,b,B,C\n"
    )
    with OrderFile(path) as file:
        await write(location, *(read.request for read in file.orders() if isinstance(read, LocatedOrder)))
    path.write_text(path.read_text().replace("b,B,C", "b,D,C").replace("U1", "U2"))
    with OrderFile(path) as file, JournalCheck(location) as known:
        (read,) = known.compare(check_file(file.orders()))
    assert [str(fault).removeprefix(f"{path}, ") for fault in read.faults] == [
        'row 2, user_id: the journal has "U1", now it is "U2" (A, accepted there)',
        'row 3, first_name: the journal has "B", now it is "D" (A, accepted there)',
    ]


async def test_all_mailboxes_of_a_domain_are_no_difference_of_its_name(location: str, tmp_path: Path) -> None:
    from cmr_async.orderfiles.file import OrderFile

    path = tmp_path / "a.csv"
    path.write_text("user_id,reference,domain,username,first_name,last_name\nU1,A,a.com,ann,Ann,Lee\n")
    with OrderFile(path) as file:
        await write(location, *(read.request for read in file.orders() if isinstance(read, LocatedOrder)))
    path.write_text(path.read_text().replace("a.com", "b.com"))
    with OrderFile(path) as file, JournalCheck(location) as known:
        (read,) = known.compare(check_file(file.orders()))
    assert [(fault.row, fault.column) for fault in read.faults] == [
        (2, "domain"),
        (2, 'mailboxes["a.com"]'),
        (2, 'mailboxes["b.com"]'),
    ]


async def test_an_accepted_draft_is_paid_by_a_run_that_pays(location: str) -> None:
    await write(location, request("one"), request("two"))
    drafts = checked(location, paid(request("one")), request("two"), paid(request("three")))
    assert [(read.draft, read.settled) for read in drafts] == [("O-one", None), (None, "accepted"), (None, None)]
    assert [read.faults for read in drafts] == [()] * 3
    moved = attrs.evolve(paid(request("one")), user_id="U2")
    assert faults(location, moved) == [
        'a.jsonl, row 1, user_id: the journal has "U1", now it is "U2" (one, accepted there)'
    ]


@pytest.mark.parametrize(
    ("state", "settled"),
    [
        (None, None),
        (StepState.NOT_SENT, None),
        (StepState.ACCEPTED, "accepted"),
        (StepState.REJECTED, "rejected"),
        (StepState.UNKNOWN, "unknown"),
    ],
)
async def test_what_became_of_the_payment_of_a_draft_settles_it(
    location: str, state: StepState | None, settled: str | None
) -> None:
    await write(location, request("one"))
    await process(location, "one", state)
    (read,) = checked(location, paid(request("one")))
    assert (read.settled, read.draft) == (settled, None if settled else "O-one")
    assert [read.settled for read in checked(location, request("one"))] == ["accepted"]
    (again,) = checked(location, paid(request("one")), retry_rejected=True)
    assert again.settled == (None if settled == "rejected" else settled)


@pytest.mark.parametrize("state", [StepState.REJECTED, StepState.UNKNOWN])
async def test_a_draft_that_does_not_exist_is_what_the_journal_says(location: str, state: StepState) -> None:
    await write(location, request("one"), state=state)
    assert [(read.settled, read.draft) for read in checked(location, paid(request("one")))] == [(state.value, None)]


async def test_an_order_that_was_paid_before_and_is_a_draft_now_is_settled(location: str) -> None:
    await write(location, paid(request("one")))
    assert [(read.settled, read.draft) for read in checked(location, request("one"))] == [("accepted", None)]


async def test_drafts_to_pay_are_counted_and_named_and_cost_what_they_buy(location: str) -> None:
    names = [f"d{number}" for number in range(12)]
    await write(location, *map(request, names))
    with JournalCheck(location) as known:
        plan = count_orders(known.compare(check_file(located(*(paid(request(name)) for name in [*names, "new"])))))
    assert (plan.orders, plan.to_send, plan.drafts, plan.domains) == (13, 13, 12, 13)
    assert plan.draft_names == tuple(f"{name} (order O-{name})" for name in names[:10])
    assert plan.cost == 13 * plan.prices.domain


@pytest.mark.parametrize("state", [StepState.ACCEPTED, StepState.UNKNOWN])
async def test_a_domain_that_was_ordered_under_another_key_is_a_fault(location: str, state: StepState) -> None:
    await write(location, request("one", reference="A"), state=state)
    (fault,) = faults(location, request("two"), request("one", reference="B"))
    name = JournalCheck(location).name
    assert fault.startswith(
        f"a.jsonl, row 2, domains[0].domain: one.com is ordered by A ({state}) in the journal {name} already"
    )
    assert fault.endswith(" already, as a draft; paying for both may buy it twice")


async def test_an_order_at_any_position_is_known_by_its_domain(location: str) -> None:
    async with Journal(location) as journal:
        await journal.add([request("one", reference="A")], start=2**62)
        claim = await journal.claim("A")
        assert claim is not None
        await journal.record(claim, StepState.ACCEPTED, order_id="O")
    (fault,) = faults(location, request("one", reference="B"))
    assert "domains[0].domain: one.com is ordered by another order in the journal" in fault


async def test_a_domain_that_was_certainly_not_bought_may_be_ordered_under_another_key(location: str) -> None:
    await write(location, request("one", reference="A"), state=StepState.REJECTED)
    await write(location, request("two", reference="B"), state=None)
    await write(location, request("three", reference="C"), state=StepState.UNKNOWN)
    async with Journal(location) as journal:
        await journal.verdict(await stored(journal, "C"), Verdict.ABSENT, "not there")
    assert faults(location, *(request(name, reference=name) for name in ("one", "two", "three"))) == []


async def test_mailboxes_on_a_domain_that_was_ordered_before_deserve_a_look(location: str) -> None:
    box = Mailbox(username="ann", first_name="Ann", last_name="Lee")
    earlier = OrderRequest(user_id="U1", reference="boxes", order=Order(mailboxes={"two.com": [box]}))
    await write(location, request("one"), earlier)
    boxes = {f"{name}.com": [attrs.evolve(box, username="bob")] for name in ("one", "two", "three")}
    more = OrderRequest(user_id="U1", reference="more", order=Order(mailboxes=boxes))
    (read,) = checked(location, more)
    assert read.faults == ()
    assert read.checked is not None
    assert read.checked.request == more
    looked_at = [str(caution) for caution in read.cautions if "an order of the journal" in caution.message]
    assert [caution.partition(" is for ")[2] for caution in looked_at] == [
        f"{name}.com too; no mailbox should be in both" for name in ("one", "two")
    ]
    assert looked_at[0].startswith('a.jsonl, row 1, mailboxes["one.com"]: ')


async def test_mailboxes_that_were_ordered_before_are_faults_whatever_the_sequence_of_their_rows(location: str) -> None:
    ann, bob, cid = (Mailbox(username=name, first_name=name, last_name="Lee") for name in ("ann", "bob", "cid"))
    earlier = MailboxOrder(mailboxes={"one.com": [ann, bob]}, domain_id="D", confirm=True)
    await write(location, OrderRequest(user_id="U1", order=earlier))
    key = order_key(OrderRequest(user_id="U1", order=earlier))
    for boxes, twice in (
        ([bob, ann], (0, 1)),
        ([ann, bob, cid], (0, 1)),
        ([cid, attrs.evolve(bob, username="BOB")], (1,)),
    ):
        changed = OrderRequest(user_id="U1", order=attrs.evolve(earlier, mailboxes={"one.com": boxes}))
        found = [fault.partition(": ") for fault in faults(location, changed)]
        assert [place for place, _, _ in found] == [
            f'a.jsonl, row 1, mailboxes["one.com"][{index}].username' for index in twice
        ]
        assert [message for _, _, message in found] == [
            f"{boxes[index].username.lower()}@one.com is ordered by {key} (accepted) in the journal "
            f"{JournalCheck(location).name} already; paying for both may buy it twice"
            for index in twice
        ]
    alone = OrderRequest(user_id="U1", order=attrs.evolve(earlier, mailboxes={"one.com": [cid]}))
    assert faults(location, alone) == []


async def test_a_domain_that_got_mailboxes_before_it_was_ordered_is_a_fault_too(location: str) -> None:
    box = Mailbox(username="ann", first_name="Ann", last_name="Lee")
    earlier = OrderRequest(user_id="U1", reference="boxes", order=Order(mailboxes={"one.com": [box]}))
    await write(location, earlier)
    assert faults(location, request("one", reference="A")) == []
    await write(location, request("one", reference="A"))
    (fault,) = faults(location, request("one", reference="B"))
    assert "one.com is ordered by A (accepted)" in fault


async def test_a_reference_that_no_journal_can_keep_is_found_beforehand(location: str) -> None:
    assert faults(location, request("one", reference="sha256:mine")) == [
        "a.jsonl, row 1, reference: must not begin with sha256:, which marks keys without a reference"
    ]


async def test_an_order_that_lost_its_step_is_not_taken_for_one_that_was_never_sent(tmp_path: Path) -> None:
    location = str(tmp_path / "run.db")
    await write(location, request("one"))
    with closing(sqlite3.connect(location)) as connection, connection:
        connection.execute("DELETE FROM cmr_steps")
    with pytest.raises(JournalError, match="holds an order without its step that no version of cmr-async wrote"):
        checked(location, request("one"))


async def test_an_order_with_faults_is_left_as_it_is(location: str) -> None:
    await write(location, request("one"))
    bad, good = checked(location, request("-x-"), request("one"))
    assert (bad.checked, bad.settled, bad.changed, len(bad.faults)) == (None, None, False, 1)
    assert good.settled == "accepted"


async def test_more_orders_than_one_statement_names(location: str) -> None:
    many = [request(f"d{n}") for n in range(1200)]
    async with Journal(location) as journal:
        await journal.add(many)
        for name in ("d3", "d700"):
            claim = await journal.claim(name)
            assert claim is not None
            await journal.record(claim, StepState.ACCEPTED)
    found = checked(location, *many)
    assert [read.located.key for read in found] == [given.reference for given in many]
    assert [read.located.key for read in found if read.settled] == ["d3", "d700"]


async def test_orders_are_found_by_their_keys_however_many_the_journal_has(tmp_path: Path) -> None:
    """Left to itself SQLite reads the index of a whole journal for so many keys."""
    location = str(tmp_path / "run.db")
    await write(location, request("one"))
    with JournalCheck(location) as known:
        list(known.compare(check_file(located(request("one")))))
        assert known._engine is not None
        asked: list[tuple[str, Any]] = []
        sa.event.listen(
            known._engine, "before_cursor_execute", lambda _, __, query, values, *___: asked.append((query, values))
        )
        list(known.compare(check_file(located(*(request(f"key{number}") for number in range(500))))))
    with closing(sqlite3.connect(location)) as connection:
        by_key, by_content = (
            [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", values)] for query, values in asked
        )
    assert len(by_key) == 2
    assert all("(key=?" in step for step in by_key)
    assert [step for step in by_content if "(content=?)" not in step] == []


async def test_a_check_that_was_closed_goes_on_with_what_it_knows(tmp_path: Path) -> None:
    location = str(tmp_path / "run.db")
    await write(location, request("one"), state=StepState.ACCEPTED)
    known = JournalCheck(location)
    for _ in range(2):
        same, other = known.compare(check_file(located(request("one"), request("two"))))
        assert (same.settled, other.settled) == ("accepted", None)
        (twice,) = known.compare(check_file(located(request("one", reference="again"))))
        assert "one.com is ordered by one (accepted) in the journal" in str(twice.faults[0])
        known.close()


async def test_a_name_met_by_chance_never_lets_an_order_through(location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await write(location, request("one"))
    monkeypatch.setattr("cmr_async.preflight.name_index.hash", lambda _: 7, raising=False)
    assert [read.settled for read in checked(location, request("one"))] == ["accepted"]
    (fault,) = faults(location, request("other"))
    assert "other.com is ordered by another order in the journal" in fault


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def dump(path: str) -> list[str]:
    with sqlite3.connect(path) as connection:
        lines = list(connection.iterdump())
    connection.close()
    return lines


async def test_looking_changes_nothing(tmp_path: Path) -> None:
    location = str(tmp_path / "run.db")
    async with Journal(location) as journal:
        (entry,) = await journal.add([request("one")])
        await journal.claim(entry.key)
    before = dump(location)
    assert [read.settled for read in checked(location, request("one"))] == ["unknown"]
    assert dump(location) == before
    assert names(tmp_path) == ["run.db"]
    assert [read.settled for read in checked(f"sqlite:///{location}", request("one"))] == ["unknown"]


async def test_a_journal_that_is_not_there_knows_nothing_and_is_not_made(tmp_path: Path) -> None:
    assert [read.settled for read in checked(str(tmp_path / "none.db"), request("one"))] == [None]
    assert names(tmp_path) == []


def become_a_link(path: Path) -> None:
    path.rename(path.with_name("real.db"))
    path.symlink_to("real.db")


def lead_nowhere(path: Path) -> None:
    path.unlink()
    path.symlink_to("missing.db")


def get_a_trigger(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TRIGGER t AFTER UPDATE ON cmr_steps BEGIN SELECT 1; END")


def become_a_copy(path: Path) -> None:
    content = path.read_bytes()
    path.rename(path.with_name("real.db"))
    path.write_bytes(content)
    path.chmod(0o600)


@pytest.mark.skipif(os.name != "posix", reason="links and modes of POSIX")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (become_a_link, "is a symbolic link"),
        (lead_nowhere, "is a symbolic link"),
        (lambda path: path.with_name("other.db").hardlink_to(path), "has a second name"),
        (lambda path: path.chmod(0o660), "can be written by other users"),
        (lambda path: path.write_bytes(b""), "is an empty file"),
        (get_a_trigger, "has a trigger t in it"),
        (become_a_copy, "is not the file that it was written to, but a copy or a backup"),
        (lambda path: path.with_name("run.db-journal").symlink_to("x"), "run.db-journal beside it is a symbolic link"),
    ],
    ids=["link", "dangling link", "second name", "writable by others", "empty", "trigger", "copy", "link beside it"],
)
async def test_a_journal_that_a_run_would_not_trust_is_refused(
    tmp_path: Path, change: Callable[[Path], object], said: str
) -> None:
    path = tmp_path / "run.db"
    await write(str(path), request("one"))
    change(path)
    with pytest.raises(JournalError, match=said) as planned:
        checked(str(path), request("one"))
    with pytest.raises(JournalError) as run:
        await Journal(path).start()
    assert planned.value.message == run.value.message


async def test_an_empty_database_knows_nothing_and_stays_empty(postgresql_location: str) -> None:
    import psycopg

    assert [read.settled for read in checked(postgresql_location, request("one"))] == [None]
    with psycopg.connect(postgresql_location.replace("postgresql+psycopg", "postgresql")) as connection:
        query = "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema"
        assert connection.execute(query).fetchone() == (0,)


async def test_what_is_no_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x int)")
    connection.close()
    with pytest.raises(JournalError, match="another program"):
        checked(str(path), request("one"))
    path.write_text("no database at all, but long enough to look like one" * 100)
    with pytest.raises(JournalError, match="is no journal"):
        checked(str(path), request("one"))


async def test_another_schema_version_is_refused(tmp_path: Path) -> None:
    location = str(tmp_path / "run.db")
    async with Journal(location):
        pass
    with sqlite3.connect(location) as connection:
        connection.execute("UPDATE cmr_meta SET value = '99'")
    connection.close()
    with pytest.raises(JournalVersionError):
        checked(location, request("one"))
