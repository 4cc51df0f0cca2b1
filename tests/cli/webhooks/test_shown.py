"""A line tells what an event is about, fit for a terminal, and no secret."""

from __future__ import annotations

from cmr_async.cli.webhooks.shown import about, columns
from cmr_async.webhooks import (
    DomainOrderFailed,
    DomainOrderSuccess,
    MailboxCreated,
    OrderedDomain,
    PrewarmedDomain,
    PrewarmupOrderSuccess,
    UnknownEvent,
)


def test_a_line_has_five_columns() -> None:
    event = MailboxCreated(event_id="E", order_id="O", email="ada@one.com", domain="one.com", password="hunter2")
    assert columns("verified", event, "duplicate", "forwarded: 200") == (
        "verified\tmailbox.created\tO\tada@one.com\tduplicate; forwarded: 200"
    )
    assert columns("refused", None, "too_old: by an hour") == "refused\t-\t-\t-\ttoo_old: by an hour"


def test_every_domain_is_named_once() -> None:
    listed = DomainOrderSuccess(domain="a.com", domains=(OrderedDomain(domain="a.com"), OrderedDomain(domain="b.com")))
    assert about(listed)["domains"] == ["a.com", "b.com"]
    assert about(DomainOrderFailed(domain="c.com", domains=(OrderedDomain(),)))["domains"] == ["c.com"]
    warmed = PrewarmupOrderSuccess(mailbox_details=(PrewarmedDomain(domain="d.com"), PrewarmedDomain(domain="e.com")))
    assert columns("verified", warmed).split("\t")[3] == "d.com, e.com"


def test_what_comes_from_outside_controls_no_terminal() -> None:
    event = UnknownEvent(name="new.event", extra={"password": "hunter2"})
    assert columns("verified", event) == "verified\tnew.event\t-\t-\t-"
    assert "\x1b" not in columns("verified", MailboxCreated(email="\x1b[2Jada@one.com"))


def test_json_tells_the_same() -> None:
    event = MailboxCreated(event_id="E", order_id="O", user_id="U", email="ada@one.com", password="hunter2")
    assert about(event) == {
        "event": "mailbox.created",
        "event_id": "E",
        "order_id": "O",
        "user_id": "U",
        "domains": [],
        "email": "ada@one.com",
    }
    assert about(None) == {**dict.fromkeys(about(event)), "domains": []}
