"""The blocking client and the async one have the same names, signatures and docstrings, and the file is up to date."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from cmr_async import AsyncClient, BulkRun, Client
from cmr_async.sync import BlockingBulkRun, client
from tools import generate_blocking_client as generate

TYPING = Path(__file__).parents[1] / "typing"
PAIRS = [
    (AsyncClient, Client),
    *((one.cls, getattr(client, one.cls.__name__)) for one in generate.resources()),
    (BulkRun, BlockingBulkRun),
]
#: The methods of the two protocols, and pickling, which is refused.
TRANSLATED = {"__aenter__", "__aexit__", "__aiter__", "__anext__"}
ADDED = {"__enter__", "__exit__", "__iter__", "__next__", "close", "__reduce__"}


def public(cls: type) -> dict[str, object]:
    names = {name: member for one in reversed(cls.__mro__[:-1]) for name, member in vars(one).items()}
    ours = (AsyncClient.__module__.partition(".")[0],)
    return {
        name: member
        for name, member in names.items()
        if not name.startswith("_") and getattr(getattr(member, "fget", member), "__module__", "").startswith(ours)
    }


def members() -> list[tuple[str, object, object]]:
    return [
        (f"{pair[0].__name__}.{name}", member, getattr(pair[1], name, None))
        for pair in PAIRS
        for name, member in public(pair[0]).items()
        if name not in TRANSLATED and (callable(member) or isinstance(member, property))
    ]


def words(docstring: str | None) -> str:
    return " ".join((docstring or "").split())


def test_the_files_are_what_the_generator_writes() -> None:
    folder = Path(inspect.getfile(Client)).parent
    for name, text in generate.render().items():
        assert (folder / name).read_text(encoding="utf-8") == text, "run: python tools/generate_blocking_client.py"


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0].__name__)
def test_no_public_name_is_missing_or_made_up(pair: tuple[type, type]) -> None:
    attributes = {"drained"} if pair[0] is BulkRun else set()
    assert set(public(pair[1])) - ADDED == (set(public(pair[0])) | attributes) - TRANSLATED - ADDED


def test_the_instances_have_the_same_resources() -> None:
    asynchronous, blocking = AsyncClient("key", "http://localhost"), Client("key", "http://localhost")
    names = [name for name in vars(asynchronous) if not name.startswith("_")]
    assert names == [name for name in vars(blocking) if not name.startswith("_")]
    for name in names:
        assert type(getattr(blocking, name)).__name__ == type(getattr(asynchronous, name)).__name__


@pytest.mark.parametrize(
    ("name", "asynchronous", "blocking"), members(), ids=lambda one: one if isinstance(one, str) else ""
)
def test_signatures_and_docstrings_are_the_same(name: str, asynchronous: object, blocking: object) -> None:
    if isinstance(asynchronous, property):
        assert isinstance(blocking, property)
        asynchronous, blocking = asynchronous.fget, blocking.fget
    assert callable(asynchronous)
    assert callable(blocking)
    expected, found = inspect.signature(asynchronous), inspect.signature(blocking)
    assert list(found.parameters.values()) == list(expected.parameters.values())
    returns = re.sub(
        r"^Async(Iterator|Generator)\[(.*?)(, None)?\]$", r"BlockingIterator[\2]", expected.return_annotation
    )
    assert found.return_annotation == returns.replace("BulkRun", "BlockingBulkRun")
    assert words(blocking.__doc__) == words(generate.adapt(asynchronous.__doc__ or ""))
    assert not inspect.iscoroutinefunction(blocking)


def test_the_constructors_differ_by_what_belongs_to_an_event_loop() -> None:
    expected = dict(inspect.signature(AsyncClient).parameters)
    for name in [*generate.LEFT_OUT, *(name for name in expected if name.startswith("_"))]:
        del expected[name]
    assert dict(inspect.signature(Client).parameters) == expected
    assert "session:" not in (Client.__init__.__doc__ or "")


def test_docstrings_speak_of_nothing_that_only_a_loop_has() -> None:
    for one in (Client, *(pair[1] for pair in PAIRS)):
        text = inspect.getdoc(one) or ""
        assert not re.search(r"\bawait|async (for|with)|AsyncClient", text), text


@pytest.mark.parametrize(("file", "prefix"), [("api.py", "client"), ("blocking.py", "blocking")])
def test_every_method_has_a_line_in_the_typing_checks(file: str, prefix: str) -> None:
    text = (TYPING / file).read_text(encoding="utf-8")
    calls = [
        f"{prefix}.{one.attribute}.{name}("
        for one in generate.resources()
        for name, member in public(one.cls).items()
        if inspect.isfunction(member)
    ]
    calls += [f"run.{name}" for name in public(BulkRun)] if file == "api.py" else []
    assert [call for call in calls if call not in text] == [], f"add them to {TYPING / file}"
