"""What `import cmr_async` promises: every public name is there and explains itself."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest

import cmr_async

MODULES = ["cmr_async", "cmr_async.errors", "cmr_async.models", "cmr_async.bulk", "cmr_async.core.judge"]


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


@pytest.mark.parametrize("module", MODULES)
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
