"""What is wrong with an order: every fault at its path, all at once, whatever junk the fields hold."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmr_async.core.order import domain_names
from cmr_async.core.order.checked import check_order
from cmr_async.core.order.domain_names import normalise_domain
from cmr_async.core.order.validation import inspect_order
from cmr_async.core.wire import dump_order
from cmr_async.errors import Fault, OrderWarning, ValidationError
from cmr_async.models import DomainRegistration, GoogleOAuth, Mailbox, Order

# Some tests give fields what their types forbid: callers without a type checker do
_Make = Callable[..., Any]
domain: _Make = DomainRegistration
google: _Make = GoogleOAuth
order: _Make = Order
LONE = "\ud800"
#: User names that are unlike the part of an address before the @.
ODD_NAMES = ("a@x.com", "a..b", "a" * 65, "a\n", "josé")


def box(username: Any = "john", **fields: Any) -> Any:
    return Mailbox(**{"username": username, "first_name": "John", "last_name": "Doe", **fields})


def sound(**fields: Any) -> Any:
    return order(**{"domains": [domain(domain="x.com")], "mailboxes": {"x.com": [box()]}, **fields})


def nested(levels: int) -> Any:
    value: Any = "x"
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


def paths(tested: Order) -> list[str]:
    return [fault.path for fault in inspect_order(tested).faults]


# Sound orders


@pytest.mark.parametrize(
    "tested",
    [
        sound(),
        sound(mailboxes={}),
        sound(confirm=True, auto_renew=False, billing_cycle="YEARLY"),
        sound(service_provider="GOOGLE", google=google()),
        sound(service_provider="GOOGLE", google=google(google_oauth_route="", client_id="", app_name="Zoë")),
        sound(service_provider="MICROSOFT", microsoft_oauth_route="https://route.example/a"),
        sound(service_provider="MICROSOFT", microsoft_oauth_route="my-route"),
        sound(service_provider="GOOGLE", mailboxes={}),
        sound(service_provider="MICROSOFT", mailboxes={}),
        sound(microsoft_oauth_route=""),
        sound(domains=[domain(domain="x.com", forward_to="")]),
        sound(mailboxes={"x.com": [box(profile_picture="")]}),
        sound(extra={"coupon": {"a": [1, None, True, 0.5, "x"]}}),
        sound(mailboxes={}, extra={"mailboxes": {}}),
        sound(extra={"coupon": nested(100)}),
        order(mailboxes={}, domains=[domain(domain="x.com", extra={"privacy": True})]),
        sound(domains=[domain(domain="x.com", years=10, forward_to="https://y.com/a?b#c")]),
        sound(domains=[domain(domain="x.com", forward_to="y.com")]),
        sound(mailboxes={"x.com": [box("a.b+c", profile_picture="http://[::1]:8080/p.png", on_warmup=True)]}),
        sound(mailboxes={"x.com": [box(first_name="Ève", last_name="O'Neil 王")]}),
    ],
    ids=str,
)
def test_a_sound_order_is_sent_as_it_is_without_a_warning(tested: Order) -> None:
    findings = inspect_order(tested)
    assert (findings.faults, findings.cautions) == ((), ())
    assert findings.order is tested
    assert check_order(tested, user_id="u").order is tested


# Faults


@pytest.mark.parametrize(
    ("tested", "path", "message"),
    [
        (order(), "order", "neither domains nor mailboxes"),
        (sound(domains=[5]), "domains[0]", "must be a DomainRegistration, not int"),
        (sound(domains=[domain(domain="nodot")]), "domains[0].domain", "is no domain name: 'nodot'"),
        (sound(domains=[domain(domain="-x.com")]), "domains[0].domain", "is no domain name"),
        (sound(domains=[domain(domain="x_y.com")]), "domains[0].domain", "is no domain name"),
        (sound(domains=[domain(domain="a" * 64 + ".com")]), "domains[0].domain", "is no domain name"),
        (sound(domains=[domain(domain=None)]), "domains[0].domain", "is no domain name: None"),
        (sound(domains=[domain(domain=["x.com"])]), "domains[0].domain", "is no domain name"),
        (sound(domains=[domain(domain="x.com"), domain(domain="X.com.")]), "domains[1].domain", "already in this"),
        (sound(domains=[domain(domain="x.com", years=0)]), "domains[0].years", "1 to 9999, not 0"),
        (sound(domains=[domain(domain="x.com", years=-1)]), "domains[0].years", "1 to 9999, not -1"),
        (sound(domains=[domain(domain="x.com", years=True)]), "domains[0].years", "a whole number, not True"),
        (sound(domains=[domain(domain="x.com", years="1")]), "domains[0].years", "a whole number, not '1'"),
        (sound(domains=[domain(domain="x.com", years=1.0)]), "domains[0].years", "a whole number, not 1.0"),
        (sound(domains=[domain(domain="x.com", forward_to=5)]), "domains[0].forward_to", "must be text, not 5"),
        (sound(domains=[domain(domain="x.com", forward_to=f"https://y.com/{LONE}")]), "domains[0].forward_to", "text"),
        (sound(mailboxes={"nodot": [box()]}), 'mailboxes["nodot"]', "is no domain name"),
        (sound(mailboxes={5: [box()]}), 'mailboxes["5"]', "is no domain name: 5"),
        (sound(mailboxes={"x.com": [box()], "X.COM": [box()]}), 'mailboxes["X.COM"]', "already in this order"),
        (sound(mailboxes={"x.com": [None]}), 'mailboxes["x.com"][0]', "must be a Mailbox, not NoneType"),
        (sound(mailboxes={"x.com": [box(b"a")]}), 'mailboxes["x.com"][0].username', "must be text, not b'a'"),
        (sound(mailboxes={"x.com": [box("")]}), 'mailboxes["x.com"][0].username', "required by the page"),
        (sound(mailboxes={"x.com": [box(LONE)]}), 'mailboxes["x.com"][0].username', "UTF-8"),
        (sound(mailboxes={"x.com": [box(first_name=" ")]}), 'mailboxes["x.com"][0].first_name', "required by the page"),
        (sound(mailboxes={"x.com": [box(last_name=None)]}), 'mailboxes["x.com"][0].last_name', "be text, not None"),
        (sound(mailboxes={"x.com": [box(last_name=LONE)]}), 'mailboxes["x.com"][0].last_name', "UTF-8"),
        (sound(mailboxes={"x.com": [box(profile_picture=5)]}), 'mailboxes["x.com"][0].profile_picture', "must be text"),
        (sound(mailboxes={"x.com": [box(on_warmup=1)]}), 'mailboxes["x.com"][0].on_warmup', "true or false, not 1"),
        (sound(confirm="yes"), "confirm", "must be true or false, not 'yes'"),
        (sound(confirm=None), "confirm", "must be true or false, not None"),
        (sound(auto_renew=0), "auto_renew", "must be true or false, not 0"),
        (sound(billing_cycle=12), "billing_cycle", "must be text, not 12"),
        (sound(billing_cycle=LONE), "billing_cycle", "must be text"),
        (sound(service_provider="YAHOO"), "service_provider", "allows GOOGLE and MICROSOFT, not 'YAHOO'"),
        (sound(service_provider=["GOOGLE"]), "service_provider", "allows GOOGLE and MICROSOFT"),
        (sound(service_provider="GOOGLE"), "google", "required by the page for Google mailboxes"),
        (sound(service_provider="MICROSOFT"), "microsoft_oauth_route", "by the page for Microsoft mailboxes"),
        (
            sound(service_provider="MICROSOFT", microsoft_oauth_route=""),
            "microsoft_oauth_route",
            "required by the page",
        ),
        (sound(microsoft_oauth_route=[]), "microsoft_oauth_route", "must be text"),
        (sound(google={"clientId": "a"}), "google", "must be a GoogleOAuth, not dict"),
        (sound(google=google(google_oauth_route={})), "google.google_oauth_route", "must be text"),
        (sound(google=google(client_id=5)), "google.client_id", "must be text, not 5"),
        (sound(google=google(client_id=b"id")), "google.client_id", "must be text, not b'id'"),
        (sound(google=google(app_name=LONE)), "google.app_name", "must be text"),
        (sound(extra=5), "extra", "must be a mapping"),
        (sound(extra=None), "extra", "must be a mapping"),
        (sound(extra=[]), "extra", "must be a mapping"),
        (sound(extra={"coupon": nested(101)}), "extra.coupon", "must be a JSON value"),
        (sound(extra={"coupon": type("Dollars", (float,), {})(1.5)}), "extra.coupon", "must be a JSON value"),
        (sound(extra={5: 1}), "extra", "plain text as names, not 5"),
        (sound(extra={LONE: 1}), "extra", "plain text as names"),
        (sound(extra={"confirm": True}), "extra.confirm", "is a field that the SDK knows"),
        (sound(extra={"domains": []}), "extra.domains", "is a field that the SDK knows"),
        (sound(mailboxes={}, extra={"mailboxes": [1]}), "extra.mailboxes", "is a field that the SDK knows"),
        (sound(extra={"coupon": object()}), "extra.coupon", "must be a JSON value"),
        (sound(extra={"coupon": [{"a": {1: 2}}]}), "extra.coupon", "must be a JSON value"),
        (sound(extra={"coupon": float("nan")}), "extra.coupon", "must be a JSON value"),
        (sound(extra={"coupon": 2**64}), "extra.coupon", "must be a JSON value"),
        (sound(domains=[domain(domain="x.com", extra={"years": 2})]), "domains[0].extra.years", "the SDK knows"),
        (
            sound(mailboxes={"x.com": [box(extra={"firstName": ""})]}),
            'mailboxes["x.com"][0].extra.firstName',
            "the SDK knows",
        ),
    ],
    ids=str,
)
def test_a_fault_is_named_with_its_path(tested: Order, path: str, message: str) -> None:
    faults = inspect_order(tested).faults
    assert [fault.path for fault in faults] == [path]
    assert message in faults[0].message
    with pytest.raises(ValidationError) as caught:
        check_order(tested, user_id="u")
    assert caught.value.faults == faults


def test_all_faults_are_found_at_once() -> None:
    tested = sound(
        domains=[domain(domain="nodot", years=0), domain(domain="x.com", forward_to=1)],
        mailboxes={"x.com": [box(1, first_name="", on_warmup="no")], "y": [box()]},
        confirm=1,
        billing_cycle=5,
        service_provider="GOOGLE",
        microsoft_oauth_route=5,
        extra=5,
    )
    assert paths(tested) == [
        "domains[0].domain",
        "domains[0].years",
        "domains[1].forward_to",
        'mailboxes["x.com"][0].username',
        'mailboxes["x.com"][0].first_name',
        'mailboxes["x.com"][0].on_warmup',
        'mailboxes["y"]',
        "confirm",
        "billing_cycle",
        "google",
        "microsoft_oauth_route",
        "extra",
    ]


@pytest.mark.parametrize("user_id", ["", " \t", None, 5])
def test_a_user_id_that_is_none_is_the_first_fault(user_id: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        check_order(sound(confirm=1), user_id=user_id)
    assert [fault.path for fault in caught.value.faults] == ["user_id", "confirm"]
    with pytest.raises(ValidationError, match="user_id: must be the id of a user"):
        check_order(sound(), user_id=user_id)


@pytest.mark.parametrize("junk", [None, 5, {}, "order"])
def test_what_is_no_order_is_a_fault(junk: Any) -> None:
    assert paths(junk) == ["order"]
    with pytest.raises(ValidationError, match="must be an Order"):
        check_order(junk, user_id="u")


# Cautions


@pytest.mark.parametrize(
    ("tested", "path"),
    [
        (sound(domains=[domain(domain="x.com", years=11)]), "domains[0].years"),
        (sound(mailboxes={"y.com": [box()]}), 'mailboxes["y.com"]'),
        (sound(mailboxes={"x.com": [box(), box("John")]}), 'mailboxes["x.com"][1].username'),
        (sound(mailboxes={"x.com": []}), 'mailboxes["x.com"]'),
        *((sound(mailboxes={"x.com": [box(name)]}), 'mailboxes["x.com"][0].username') for name in ODD_NAMES),
        *(
            (sound(domains=[domain(domain="x.com", forward_to=to)]), "domains[0].forward_to")
            for to in ("ftp://y.com", "https://a:b@y.com", "https://y.com/a b", "y.com/landing")
        ),
        (sound(mailboxes={"x.com": [box(profile_picture="a.png")]}), 'mailboxes["x.com"][0].profile_picture'),
        (sound(mailboxes={"x.com": [box(profile_picture="data:,a")]}), 'mailboxes["x.com"][0].profile_picture'),
        (sound(google=google(google_oauth_route="x")), "google.google_oauth_route"),
        (sound(billing_cycle=""), "billing_cycle"),
    ],
    ids=repr,
)
def test_what_the_page_leaves_open_is_a_caution_and_is_sent(tested: Order, path: str) -> None:
    findings = inspect_order(tested)
    assert findings.faults == ()
    assert [caution.path for caution in findings.cautions] == [path]
    with pytest.warns(OrderWarning) as warned:
        assert check_order(tested, user_id="u").order == tested
    assert [str(warning.message) for warning in warned] == [str(findings.cautions[0])]


def test_an_order_with_faults_warns_of_nothing() -> None:
    tested = sound(mailboxes={"x.com": [box(), box()]}, confirm=1)
    with warnings.catch_warnings(record=True) as warned, pytest.raises(ValidationError):
        check_order(tested, user_id="u")
    assert warned == []


# Domain names


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("x.com", "x.com"),
        (" X.Com. ", "x.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("straße.de", "xn--strae-oqa.de"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("a" * 63 + ".com", "a" * 63 + ".com"),
        ("com", None),
        ("", None),
        ("x..com", None),
        ("x.c", None),
        ("x.123", None),
        ("1.2.3.4", None),
        ("https://x.com", None),
        ("x.com/", None),
        ("a b.com", None),
        (LONE + ".com", None),
        ("x." * 130 + "com", None),
    ],
)
def test_a_domain_name_is_lower_case_punycode_or_none(name: str, normal: str | None) -> None:
    assert normalise_domain(name) == normal


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "\u0430pple.com",
            "'\u0430pple.com' mixes look-alike letters (CYRILLIC SMALL LETTER A, U+0430), sent as xn--pple-43d.com",
        ),
        (
            "xn--pple-43d.com",
            "'\u0430pple.com' mixes look-alike letters (CYRILLIC SMALL LETTER A, U+0430), sent as xn--pple-43d.com",
        ),
        (
            "app\u200ble.com",
            "'app\\u200ble.com' holds what cannot be seen (ZERO WIDTH SPACE, U+200B), sent as apple.com",
        ),
        (
            "ap\ufe0fple.com",
            "'ap\ufe0fple.com' holds what cannot be seen (VARIATION SELECTOR-16, U+FE0F), sent as apple.com",
        ),
        (
            "\uff41p.com",
            "'\uff41p.com' holds letters of another form (FULLWIDTH LATIN SMALL LETTER A, U+FF41), sent as ap.com",
        ),
        ("apple\u3002com", "'apple\u3002com' is sent as apple.com"),
        ("\u0430\u0440\u0440\u04cf\u0435.com", "'\u0430\u0440\u0440\u04cf\u0435.com' is sent as xn--80ak6aa92e.com"),
        ("b\u00fccher.example", "'b\u00fccher.example' is sent as xn--bcher-kva.example"),
        ("\u98df\u3079\u308bcafe.jp", "'\u98df\u3079\u308bcafe.jp' is sent as xn--cafe-pe4c4du116f.jp"),
        ("X.com", "'X.com' is sent as x.com"),
        (" x.com. ", "' x.com. ' is sent as x.com"),
    ],
)
def test_a_domain_that_is_sent_in_another_form_or_looks_like_another_one_is_a_caution(name: str, message: str) -> None:
    findings = inspect_order(order(domains=[domain(domain=name)], mailboxes={name: [box()]}))
    assert not findings.faults
    assert findings.cautions == (Fault("domains[0].domain", message),)


def test_a_domain_that_only_has_mailboxes_is_pointed_out_as_well() -> None:
    findings = inspect_order(order(mailboxes={"app\u200ble.com": [box()]}))
    assert findings.cautions[0].path == 'mailboxes["app\u200ble.com"]'
    assert "ZERO WIDTH SPACE" in findings.cautions[0].message


def test_a_domain_whose_mailboxes_have_its_name_in_another_form_is_pointed_out_once() -> None:
    findings = inspect_order(order(domains=[domain(domain="apple.com")], mailboxes={"app\u200ble.com": [box()]}))
    assert [each.path for each in findings.cautions] == ['mailboxes["app\u200ble.com"]']


@pytest.mark.parametrize("name", ["x.com", "xn--bcher-kva.example", "xn--80ak6aa92e.com", "xn--zzzzzzzzzz.com"])
def test_a_plain_domain_is_no_caution(name: str) -> None:
    assert inspect_order(order(domains=[domain(domain=name)])).cautions == ()


def test_a_name_that_is_a_caution_again_and_again_is_looked_at_once() -> None:
    hits = domain_names.name_caution.cache_info().hits
    for _ in range(3):
        inspect_order(order(domains=[domain(domain="\uff41pple.org")]))
    assert domain_names.name_caution.cache_info().hits == hits + 2


labels = st.text("a0-", min_size=1, max_size=4) | st.builds("a".__mul__, st.sampled_from([61, 62, 63, 64]))


@given(st.lists(labels, min_size=1, max_size=5).map(".".join) | st.text("a0-.\n", max_size=9))
def test_a_plain_name_is_a_domain_by_the_rules_of_host_names(name: str) -> None:
    *heads, last = name.split(".")
    sound_heads = heads and all(1 <= len(one) <= 63 and one.strip("-") == one and "\n" not in one for one in heads)
    sound_last = 2 <= len(last) <= 63 and set(last) == {"a"}
    assert (normalise_domain(name) == name) == bool(sound_heads and sound_last and len(name) <= 253)


@given(st.text("aZ9+_.@ \n", max_size=6) | st.builds("a".__mul__, st.sampled_from([63, 64, 65])))
def test_a_user_name_is_words_with_dots_between_them(name: str) -> None:
    sound_words = all(word and not set(word) & set("@ \n") for word in name.split("."))
    findings = inspect_order(sound(mailboxes={"x.com": [box(name)]}))
    noticed = [*findings.faults, *findings.cautions]
    expected = [] if sound_words and len(name) <= 64 else ['mailboxes["x.com"][0].username']
    assert sorted({each.path for each in noticed}) == expected
    assert bool(findings.faults) is not bool(name.strip())


@pytest.mark.parametrize("secret", ["https://me:secret@y.com/a b", "secret route"])
def test_no_message_shows_a_route_or_a_url(secret: str) -> None:
    tested = sound(
        domains=[domain(domain="x.com", forward_to=secret)],
        mailboxes={"x.com": [box(profile_picture=secret, extra={"key": secret, "years": secret})]},
        google=google(google_oauth_route=secret),
        microsoft_oauth_route=secret + LONE,
        extra={"confirm": secret},
    )
    findings = inspect_order(tested)
    assert len(findings.faults) == 2
    assert not [each for each in (*findings.faults, *findings.cautions) if "secret" in each.message]
    assert "key" not in repr(tested.mailboxes)


def test_what_only_looks_like_a_model_is_a_fault() -> None:
    lookalike = SimpleNamespace(**attrs.asdict(box()))
    assert paths(sound(mailboxes={"x.com": [lookalike]})) == ['mailboxes["x.com"][0]']
    assert paths(order(domains=[SimpleNamespace(domain="x.com", years=1, forward_to=None)])) == ["domains[0]"]


def test_a_name_that_is_too_long_is_not_converted(monkeypatch: pytest.MonkeyPatch) -> None:
    # Some versions of idna take half a minute for 32,000 of these
    monkeypatch.setattr("cmr_async.core.order.domain_names.idna.encode", lambda *_, **__: pytest.fail("converted"))
    assert normalise_domain("\u0660" * 32_000 + ".com") is None
    assert normalise_domain("\u0660" * 250 + ".com") is None


def test_international_names_are_sent_as_punycode() -> None:
    tested = sound(domains=[domain(domain="Bücher.example", years=2)], mailboxes={"bücher.example": [box()]})
    with pytest.warns(OrderWarning, match="is sent as xn--bcher-kva.example"):
        checked = check_order(tested, user_id="u").order
    assert checked.domains == (DomainRegistration(domain="xn--bcher-kva.example", years=2),)
    assert checked.mailboxes == {"xn--bcher-kva.example": (box(),)}


# Whatever comes

junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 12),
    st.floats(allow_nan=False),
    st.binary(max_size=4),
    st.text(st.characters(), max_size=6),
    st.sampled_from(["", LONE, "x.com", "X.com", "bücher.de", "https://y.com/", "john", "GOOGLE", "MICROSOFT"]),
    st.sampled_from(["x" * 100_000, [], {}, (None,), [1], {1: 2}, object()]),
)
hashable_junk = junk.filter(lambda value: getattr(type(value), "__hash__", None) is not None and value != (None,))
usual = st.sampled_from(["x.com", "y.com", "z.com"])
extras = junk | st.dictionaries(st.sampled_from(["coupon", "confirm", "domains"]) | hashable_junk, junk, max_size=2)
mailboxes = st.builds(
    box,
    st.sampled_from(["a", "b", "A"]) | junk,
    first_name=st.just("A") | junk,
    last_name=st.just("B") | junk,
    profile_picture=st.none() | junk,
    on_warmup=st.none() | junk,
    extra=st.just({}) | extras,
)
domains = st.builds(
    domain, domain=usual | junk, years=st.just(1) | junk, forward_to=st.none() | junk, extra=st.just({}) | extras
)
groups = st.lists(mailboxes | junk, max_size=3).map(tuple) | junk
orders = st.builds(
    lambda boxes, **fields: _with_mailboxes(order(**fields), boxes),
    boxes=st.dictionaries(usual | hashable_junk, groups, max_size=2),
    domains=st.lists(domains | junk, max_size=3),
    billing_cycle=st.none() | junk,
    confirm=st.booleans() | junk,
    service_provider=st.none() | junk,
    microsoft_oauth_route=st.none() | junk,
    google=st.none() | junk | st.builds(google, google_oauth_route=junk, client_id=junk, app_name=junk),
    auto_renew=st.none() | junk,
    extra=st.just({}) | extras,
)
tidy_orders = st.builds(
    order,
    domains=st.lists(st.builds(domain, domain=usual, years=st.integers(1, 11)), max_size=3),
    mailboxes=st.dictionaries(usual, st.lists(st.builds(box, st.sampled_from(["a", "A", "b"])), max_size=2)),
    confirm=st.booleans(),
    google=st.none() | st.builds(google),
    service_provider=st.sampled_from([None, "GOOGLE", "MICROSOFT"]),
    microsoft_oauth_route=st.sampled_from([None, "", "https://r.example/"]),
)


def _with_mailboxes(tested: Order, boxes: Mapping[Any, Any]) -> Order:
    """Put the groups in behind the converter's back, which only takes what it can make tuples of."""
    changeable: Any = tested.mailboxes
    changeable.update(boxes)
    return tested


@given(orders | tidy_orders)
def test_whatever_is_in_the_fields_inspection_returns_and_what_it_lets_through_can_be_sent(tested: Order) -> None:
    findings = inspect_order(tested)
    if findings.faults:
        assert findings.order is tested
        return
    dump_order(findings.order)
    assert isinstance(findings.order, Order)
    again = inspect_order(findings.order)
    assert again.order is findings.order
    assert (again.faults, again.cautions) == ((), findings.cautions)


def test_the_site_of_a_domain_is_sent_with_a_caution() -> None:
    findings = inspect_order(Order(domains=[DomainRegistration(domain="www.one.com")]))
    assert findings.faults == ()
    message = "www.one.com is usually the web site of one.com, not a domain; it is sent as it is"
    assert findings.cautions == (Fault("domains[0].domain", message),)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("https://One.com/", "a web address"),
        ("https://www.one.com/about?q", "a web address"),
        ("https://ann@one.com:443", "a web address"),
        ("ann@one.com", "a mail address"),
        ("one.com/about", "a web address"),
    ],
)
def test_an_address_in_place_of_a_domain_is_one_fault_that_says_what_to_write(name: str, kind: str) -> None:
    box = Mailbox(username="ann", first_name="Ann", last_name="Lee")
    findings = inspect_order(Order(domains=[DomainRegistration(domain=name)], mailboxes={name: [box]}))
    assert [str(fault) for fault in findings.faults] == [
        f"domains[0].domain: {name!r} is {kind}, not the name of a domain: write one.com"
    ]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("Ann\nLee", "a line break"),
        ("Ann\u00a0Lee", "what cannot be seen (NO-BREAK SPACE, U+00A0)"),
        ("An\tn", "what cannot be seen (a character without a name, U+0009)"),
    ],
)
def test_what_cannot_be_seen_in_a_name_is_a_caution(name: str, what: str) -> None:
    box = Mailbox(username="ann", first_name=name, last_name="\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645")
    findings = inspect_order(Order(domains=[DomainRegistration(domain="one.com")], mailboxes={"one.com": [box]}))
    assert findings.faults == ()
    assert findings.cautions == (Fault('mailboxes["one.com"][0].first_name', f"holds {what}; it is sent as it is"),)
