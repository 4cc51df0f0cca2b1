"""The generator of the blocking client: what it writes for each kind of method, and what it refuses to write."""

from __future__ import annotations

import importlib.util
import inspect
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cmr_async import Client
from tools import generate_blocking_client as generate

#: What the classes of the tests import.
HEAD = """
from __future__ import annotations
import json
import ssl as ssl_module
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any
from cmr_async.bulk import BulkRun
from cmr_async.bulk.feeds import Requests
from .models import Order as Wanted
if TYPE_CHECKING:
    from ..journal.records import Entry
DEFAULT = 3
"""

Load = Callable[[str], type]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Import a class `Things` from its source, as a module of the package."""
    package = tmp_path / "cmr_async"
    monkeypatch.setitem(sys.modules, "cmr_async.resources.models", importlib.import_module("cmr_async.models"))

    def load(source: str) -> type:
        path = package / "things.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(HEAD + source, encoding="utf-8")
        spec = importlib.util.spec_from_file_location("cmr_async.resources.things", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "cmr_async.resources.things", module)
        spec.loader.exec_module(module)
        things = module.Things
        assert isinstance(things, type)
        return things

    return load


def things(method: str) -> str:
    return f'class Things:\n    """Calls about things."""\n\n{method}'


def body(text: str) -> str:
    """Return what was written after the constructor."""
    return text.partition("self._lifetime = lifetime\n\n")[2]


METHODS = {
    "a coroutine function": (
        '''
    async def get(self, name: str, /, number: int = DEFAULT, *, wanted: Wanted | None = None) -> dict[str, Any]:
        """Get a thing."""
''',
        '''
    def get(self, name: str, /, number: int = DEFAULT, *, wanted: Wanted | None = None) -> dict[str, Any]:
        """Get a thing."""
        return self._lifetime.call(self._async.get, name, number, wanted=wanted)
''',
    ),
    "one that returns nothing": (
        '''
    async def drop(self, entry: Entry, ssl: ssl_module.SSLContext) -> None:
        """Drop it."""
''',
        '''
    def drop(self, entry: Entry, ssl: ssl_module.SSLContext) -> None:
        """Drop it."""
        self._lifetime.call(self._async.drop, entry, ssl)
''',
    ),
    "an async generator": (
        '''
    async def all(self, *, names: Iterable[str] = ()) -> AsyncGenerator[json.JSONDecoder, None]:
        """Return an async iterator over all things: `async for thing in client.things.all()`."""
        yield json.JSONDecoder()
''',
        '''
    def all(self, *, names: Iterable[str] = ()) -> BlockingIterator[json.JSONDecoder]:
        """Return an iterator over all things: `for thing in client.things.all()`."""
        items = self._async.all(names=as_tuple(names))
        return BlockingIterator(self._lifetime, items)
''',
    ),
    "a run with an input": (
        '''
    def submit(self, requests: Requests) -> BulkRun:
        """Submit things."""
''',
        '''
    def submit(self, requests: Requests) -> BlockingBulkRun:
        """Submit things."""
        pulled, puller = pull_in_caller(requests)
        run = self._async.submit(pulled)
        return BlockingBulkRun(self._lifetime, run, puller)
''',
    ),
    "a run without one": (
        '''
    def process(self) -> BulkRun:
        """Process things."""
''',
        '''
    def process(self) -> BlockingBulkRun:
        """Process things."""
        run = self._async.process()
        return BlockingBulkRun(self._lifetime, run)
''',
    ),
    "a property": (
        '''
    @property
    def number(self) -> int:
        """How many."""
''',
        '''
    @property
    def number(self) -> int:
        """How many."""
        return self._async.number
''',
    ),
    "a private one": (
        """
    def _hidden(self) -> None: ...
""",
        "",
    ),
}


@pytest.mark.parametrize("kind", METHODS)
def test_each_kind_of_method_has_its_blocking_form(load: Load, kind: str) -> None:
    method, expected = METHODS[kind]
    assert "\n" + body(generate._Writer({"Lifetime"}).resource(load(things(method)))) == (expected or "\n")


def test_imports_follow_what_the_methods_name(load: Load) -> None:
    writer = generate._Writer({"BlockingClient", "Lifetime", "NO_LIFETIME"})
    writer.resource(load(things("".join(METHODS[kind][0] for kind in METHODS))))
    assert (
        writer.imports()
        == """\
import json
import ssl as ssl_module
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cmr_async.bulk.feeds import Requests

from ..resources.models import Order as Wanted
from ..resources.things import DEFAULT, Things as AsyncThings
from .bulk import BlockingBulkRun, pull_in_caller
from .iterator import BlockingIterator
from .lifetime import NO_LIFETIME, BlockingClient, Lifetime, as_tuple

if TYPE_CHECKING:
    from ..journal.records import Entry
"""
    )


REFUSED = {
    "Things.make: no rule for ['staticmethod']": '''
    @staticmethod
    def make() -> None:
        """Make one."""
''',
    "Things.send: an input must be pulled in the caller's thread": '''
    async def send(self, requests: Requests) -> None:
        """Send them."""
''',
    "Things.name: no rule for a plain method that returns Awaitable[str]": '''
    def name(self) -> Awaitable[str]:
        """Return a name."""
''',
    "Things.all: only an AsyncGenerator[..., None] can be closed": '''
    async def all(self) -> AsyncIterator[str]:
        """Yield all."""
        yield ""
''',
    "get: no rule for * and ** arguments": '''
    async def get(self, *names: str) -> None:
        """Get them."""
''',
    "an annotation is missing": '''
    async def get(self, name) -> None:
        """Get it."""
''',
    "Things.get has no docstring": """
    async def get(self) -> None: ...
""",
    "'coroutine' means nothing to a blocking caller; add to _PHRASES": '''
    async def get(self) -> None:
        """Return a coroutine."""
''',
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_it_has_no_rule_for_is_an_error(load: Load, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        generate._Writer({"Lifetime"}).resource(load(things(REFUSED[message])))
    assert message in str(caught.value)


def test_a_class_inside_another_one_is_an_error() -> None:
    class Inner:
        """Calls about nothing."""

    with pytest.raises(ValueError, match="Inner is not at the top level of its module"):
        generate._Writer({"Lifetime"}).resource(Inner)


def test_a_paragraph_that_became_too_long_is_wrapped_and_the_others_are_left_alone(load: Load) -> None:
    written = generate._Writer({"Lifetime"}).resource(
        load('''
class Things:
    """Calls about things.

    One client serves any number of tasks of one event loop. It is made once.

    Short lines
    stay as they are.
    """
''')
    )
    assert written.startswith('''\
class Things:
    """Calls about things.

    One client serves any number of threads, also inside a running event loop and on both sides of a fork. It is made
    once.

    Short lines
    stay as they are.
    """
''')


def test_a_long_import_is_written_one_name_a_line() -> None:
    writer = generate._Writer({"Lifetime"})
    writer._imports = {(2, "models"): {f"Name{number:02}" for number in range(20)}}
    names = "".join(f"    Name{number:02},\n" for number in range(20))
    assert writer.imports() == f"from ..models import (\n{names})\n"


def test_the_command_rewrites_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "FOLDER", tmp_path)
    generate.main()
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == generate.render()


@pytest.mark.slow
def test_the_command_repairs_a_file_that_cannot_be_imported(tmp_path: Path) -> None:
    written = Path(inspect.getfile(Client))
    no_bytecode = shutil.ignore_patterns("__pycache__")
    shutil.copytree(written.parents[1], tmp_path / "cmr_async", ignore=no_bytecode)
    shutil.copytree(Path(inspect.getfile(generate)).parent, tmp_path / "tools", ignore=no_bytecode)
    target = tmp_path / "cmr_async" / "sync" / "client.py"
    target.write_text("raise ImportError\n", encoding="utf-8")
    command = [sys.executable, str(tmp_path / "tools" / "generate_blocking_client.py")]
    # The copy is not what the coverage of the package is about
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    subprocess.run(command, check=True, timeout=60, cwd=tmp_path, env=env)
    assert target.read_text(encoding="utf-8") == written.read_text(encoding="utf-8")
