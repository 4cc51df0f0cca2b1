"""The public API: it is what the snapshot says, every name is there and explains itself."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

import cmr_async
from tools import public_api

SNAPSHOT = Path(__file__).parent / "samples" / "public_api.txt"


def test_the_public_api_is_what_the_snapshot_says() -> None:
    shown = "".join(f"{line}\n" for line in public_api.describe())
    assert shown == SNAPSHOT.read_text(encoding="utf-8"), (
        "run: python tools/public_api.py > tests/samples/public_api.txt"
    )


@pytest.mark.parametrize("name", cmr_async.__all__)
def test_a_public_name_resolves(name: str) -> None:
    assert getattr(cmr_async, name) is not None


@pytest.mark.parametrize("name", sorted(set(cmr_async.__all__) - {"__version__"}))
def test_a_public_name_has_a_docstring(name: str) -> None:
    assert (getattr(cmr_async, name).__doc__ or "").strip()


@pytest.mark.parametrize("name", sorted(set(cmr_async.__all__) - {"__version__"}))
def test_the_public_methods_of_a_class_have_docstrings(name: str) -> None:
    kind = getattr(cmr_async, name)
    if not inspect.isclass(kind):
        return
    public = [
        (own, value) for own, value in vars(kind).items() if not own.startswith("_") and inspect.isfunction(value)
    ]
    assert [own for own, value in public if not value.__doc__] == []


@pytest.mark.parametrize("module", public_api.PUBLIC_MODULES)
def test_no_name_is_listed_twice(module: str) -> None:
    names = list(import_module(module).__all__)
    assert len(names) == len(set(names))


def test_every_error_is_public() -> None:
    assert set(import_module("cmr_async.errors").__all__) <= set(cmr_async.__all__)


def test_every_model_is_public() -> None:
    assert set(import_module("cmr_async.models").__all__) <= set(cmr_async.__all__)


def test_the_version_is_a_version() -> None:
    assert [part.isdigit() for part in cmr_async.__version__.split(".")[:2]] == [True, True]


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        cmr_async.Nothing  # noqa: B018 - reading it is the test


def test_the_errors_are_reached_from_the_package_as_well() -> None:
    assert cmr_async.__getattr__("errors") is import_module("cmr_async.errors")


def test_a_listing_shows_what_is_public() -> None:
    assert set(dir(cmr_async)) == {*cmr_async.__all__, "errors"}


def test_the_reference_documents_the_public_api_and_nothing_else() -> None:
    page = (Path(__file__).parents[1] / "docs" / "reference.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\.\. auto(?:class|function|data):: ([\w.]+)(?:\(\))?$", page, re.MULTILINE)
    assert re.findall(r"^\.\. automodule:: (\S+)$", page, re.MULTILINE) == ["cmr_async.errors"]
    errors = import_module("cmr_async.errors").__all__
    public = {f"cmr_async.{name}" for name in cmr_async.__all__ if name not in errors and name != "__version__"}
    for package in set(public_api.PUBLIC_MODULES) - {"cmr_async", "cmr_async.errors"}:
        public |= {f"{package}.{name}" for name in import_module(package).__all__ if name not in errors}
    public.discard("cmr_async.Simulator")  # it stands under its other name
    assert sorted(documented) == sorted(public)


@pytest.mark.parametrize("client", ["AsyncClient", "Client"])
def test_the_reference_documents_every_call(client: str) -> None:
    page = (Path(__file__).parents[1] / "docs" / "reference.md").read_text(encoding="utf-8")
    shown = set(re.findall(rf"^\.\. automethod:: cmr_async\.{client}\.(\w+\.\w+)$", page, re.MULTILINE))
    calls = [line.partition(f"cmr_async.{client}.")[2].partition("(")[0] for line in public_api.describe()]
    assert shown == {call for call in calls if call.count(".") == 1}
