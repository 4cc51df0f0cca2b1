"""Faults that are planted into the package: a few words of a function replaced, in place, for the time of a block.

The code of the function is exchanged, not the name, so that every module that has imported it runs the changed one. A
fault whose words are not there any more is an error: the code has moved on, and so must the fault.
"""

from __future__ import annotations
import __future__

import ast
import importlib
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import CodeType, FunctionType
from typing import Any

import attrs


class PlantError(Exception):
    """The words that a fault replaces are not in the function, or not once."""


@attrs.frozen(kw_only=True)
class Mutant:
    """A fault of the package, as replaced words of its functions."""

    #: What is wrong, in words.
    name: str
    #: What looks for it first: a name of `hunting.HUNTERS`.
    by: str
    #: For each function, as `module:Class.function` below the package, what is replaced by what.
    edits: Mapping[str, tuple[tuple[str, str], ...]]


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """Let the package have a fault for the time of a block.

    Raises:
        PlantError: The fault does not apply any more.
    """
    with ExitStack() as stack:
        for target, edits in mutant.edits.items():
            function = _function(target)
            code = rewritten(function, edits)
            stack.callback(setattr, function, "__code__", function.__code__)
            function.__code__ = code
        yield


def _function(target: str) -> FunctionType:
    module, _, path = target.partition(":")
    found: Any = importlib.import_module(f"cmr_async.{module}")
    for name in path.split("."):
        found = inspect.getattr_static(found, name) if isinstance(found, type) else getattr(found, name)
    if isinstance(found, property):
        found = found.fget
    found = inspect.unwrap(getattr(found, "func", getattr(found, "__func__", found)))
    if not isinstance(found, FunctionType):
        raise PlantError(f"{target} is no function")
    return found


def rewritten(function: FunctionType, edits: tuple[tuple[str, str], ...]) -> CodeType:
    """Return the code of a function with some words replaced.

    Raises:
        PlantError: Some words are not there exactly once.
    """
    source = inspect.getsource(function)
    for before, after in edits:
        if source.count(before) != 1 or before == after:
            raise PlantError(f"{function.__qualname__} has, {source.count(before)} times: {before}")
        source = source.replace(before, after)
    tree = ast.parse(textwrap.dedent(source))
    [definition] = tree.body
    assert isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef)
    definition.decorator_list.clear()
    # `super()` finds its class in a variable of the scope around it
    around = ast.parse("def around(__class__): pass").body[0]
    assert isinstance(around, ast.FunctionDef)
    around.body = [definition]
    tree.body = [around]
    ast.fix_missing_locations(tree)
    whole = compile(
        tree, function.__code__.co_filename, "exec", __future__.annotations.compiler_flag, dont_inherit=True
    )
    [outer] = [part for part in whole.co_consts if isinstance(part, CodeType)]
    [code] = [part for part in outer.co_consts if isinstance(part, CodeType) and part.co_name == definition.name]
    if code.co_freevars != function.__code__.co_freevars:
        raise PlantError(f"{function.__qualname__} closes over {function.__code__.co_freevars}")
    return code
