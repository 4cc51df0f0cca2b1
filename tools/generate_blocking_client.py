"""Generate the blocking client from the async classes: `python tools/generate_blocking_client.py` rewrites its files.

They are `client.py` and `resources.py` in `cmr_async/sync`.

Generated code rather than a `ParamSpec` wrapper around each method, because editors then show real methods: the
signature, a docstring for blocking callers and "go to definition", also for overloads and keyword-only arguments.
It cannot drift: every generated method calls the async one, directly or by `Lifetime.call`, whose `ParamSpec` lets
mypy and pyright compare both signatures, and a test renders the file again and compares it. A new resource, method
or argument needs no work beyond running the command. Whatever the generator has no rule for is an error.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from functools import cache
from pathlib import Path
from types import ModuleType

import attrs

if __name__ == "__main__":
    # A file that no longer fits the async classes cannot be imported, and must not prevent its own repair
    sys.path.insert(0, str(Path(__file__).parents[1]))
    sys.modules["cmr_async.sync"] = stub = ModuleType("sync")
    vars(stub)["Client"] = None

from cmr_async.client import AsyncClient

FOLDER = Path(__file__).parents[1] / "cmr_async" / "sync"
_PACKAGE = "cmr_async"
_WIDTH = 120

#: Settings of the constructor that the blocking client lacks: such objects belong to an event loop, and the
#: caller has none.
LEFT_OUT = ("session", "connector")

#: Settings of the constructor that may hold secrets.
SECRETS = ("api_key", "base_url", "key_header", "headers", "proxy", "proxy_headers", "pace")

#: Phrases of async docstrings and their blocking forms, applied in this order.
_PHRASES = (
    ("Asynchronous client", "Blocking client"),
    (
        "One client serves any number of tasks of one event loop.",
        "One client serves any number of threads, also inside a running event loop and on both sides of a fork.",
    ),
    ("`async with AsyncClient() as cmr:`", "`with Client() as cmr:`"),
    (
        "The client is closed or belongs to another event loop.",
        "The client is closed, or this is its loop's own thread.",
    ),
    ("AsyncClient", "Client"),
    ("`async for`", "`for`"),
    ("`async with`", "`with`"),
    ("async for", "for"),
    ("async with", "with"),
    ("an async iterator", "an iterator"),
)

#: Words that mean nothing to a blocking caller. A docstring with one of them needs a phrase above.
_FOREIGN = re.compile(
    r"\bawait|\basyncio|coroutine|another event loop|\basynchronous client|\basync (for|with)\b", re.IGNORECASE
)

_HEAD = '''"""The blocking client: every method of the async one, waiting for its result. Generated; do not edit.

`python tools/generate_blocking_client.py` writes this file from the async classes, and a test compares them. Each
method hands its arguments to the async method of the same name, so behaviour, errors and money rules exist once.
"""
'''


_HEAD_OF_RESOURCES = '''"""The groups of calls of the blocking client. Generated like `client.py`; do not edit."""
'''


@attrs.frozen
class Resource:
    """An attribute of the client that groups calls."""

    #: Name of the attribute: `orders`.
    attribute: str
    #: The async class.
    cls: type
    #: Its `#:` lines.
    comment: tuple[str, ...]


def adapt(docstring: str) -> str:
    """Rewrite an async docstring for blocking callers.

    Raises:
        ValueError: It has words that mean nothing to a blocking caller; `_PHRASES` needs an entry for them.
    """
    for phrase, blocking in _PHRASES:
        docstring = docstring.replace(phrase, blocking)
    if foreign := _FOREIGN.search(docstring):
        raise ValueError(f"{foreign[0]!r} means nothing to a blocking caller; add to _PHRASES:\n{docstring}")
    return docstring


def resources() -> list[Resource]:
    """Return the resources of the async client, in the order of its constructor."""
    client = AsyncClient("made-for-generation", "http://localhost")
    source = inspect.getsource(AsyncClient).splitlines()
    found = []
    for name, value in vars(client).items():
        if name.startswith("_"):
            continue
        line = next(number for number, text in enumerate(source) if re.match(rf"\s*{name}: .*=", text))
        comment: list[str] = []
        while source[line - 1].strip().startswith("#:"):
            line -= 1
            comment.insert(0, source[line].strip())
        found.append(Resource(name, type(value), tuple(comment)))
    return found


def render() -> dict[str, str]:
    """Return the texts of the generated files, by their names."""
    found = resources()
    groups = [one for one in found if one.cls.__module__.startswith(f"{_PACKAGE}.resources.")]
    others = [one for one in found if one not in groups]
    calls = _Writer({"Lifetime"})
    client = _Writer({"NO_LIFETIME", "BlockingClient", "Lifetime"})
    client.import_own("resources", {one.cls.__name__ for one in groups})
    return {
        "resources.py": calls.text(_HEAD_OF_RESOURCES, [calls.resource(one.cls) for one in groups]),
        # The client comes last: its class attributes are instances of the other classes
        "client.py": client.text(_HEAD, [*(client.resource(one.cls) for one in others), client.client(found)]),
    }


class _Writer:
    """Writes the classes and collects the imports that they need."""

    def __init__(self, lifetime: set[str]) -> None:
        self._imports: dict[tuple[int, str], set[str]] = {(1, "lifetime"): lifetime}
        self._typing: dict[tuple[int, str], set[str]] = {}

    def import_own(self, module: str, names: set[str]) -> None:
        """Import names from another file of the blocking client."""
        self._imports.setdefault((1, module), set()).update(names)

    def text(self, head: str, body: list[str]) -> str:
        """Return a whole file."""
        return "\n".join([head, "from __future__ import annotations\n", self.imports() + "\n", "\n\n".join(body)])

    def imports(self) -> str:
        """Return the import statements, sorted as ruff sorts them."""
        for module in self._typing.keys() & self._imports.keys():  # what is imported anyway is not imported twice
            self._typing[module] -= self._imports[module]
            if not self._typing[module]:
                del self._typing[module]
        if not self._typing:
            return self._sorted(self._imports)
        self._imports.setdefault((0, "typing"), set()).add("TYPE_CHECKING")
        optional = textwrap.indent(self._sorted(self._typing), "    ", lambda line: bool(line.strip()))
        return f"{self._sorted(self._imports)}\nif TYPE_CHECKING:\n{optional}"

    def _sorted(self, imports: dict[tuple[int, str], set[str]]) -> str:

        def kind(module: str, level: int) -> int:
            if level:
                return 2
            return 0 if re.split(r"[ .]", module)[0] in sys.stdlib_module_names else 1

        blocks: dict[int, list[tuple[int, str, str]]] = {}
        for (level, module), names in imports.items():
            listed = ", ".join(sorted(names, key=_constants_classes_functions))
            text = f"from {'.' * level}{module} import {listed}" if names else f"import {module}"
            if len(text) > _WIDTH:
                text = text.partition(" import ")[0] + f" import (\n    {listed},\n)".replace(", ", ",\n    ")
            blocks.setdefault(kind(module, level), []).append((-level, module, text))
        lines = []
        for _, block in sorted(blocks.items()):
            plain = [entry for entry in block if entry[2].startswith("import ")]
            froms = [entry for entry in block if not entry[2].startswith("import ")]
            lines += [*(text for *_, text in [*sorted(plain), *sorted(froms)]), ""]
        return "\n".join(lines)

    def client(self, found: list[Resource]) -> str:
        """Write `Client`."""
        self._imports.setdefault((2, "client"), set()).add("AsyncClient")
        node, module = _class(AsyncClient)
        members = [self._constructor(found)]
        for method in _methods(node):
            if method.name in {"__init__", "__repr__", "__aenter__", "__aexit__", "close"}:
                continue  # the constructor is above, the rest is in `BlockingClient`
            members.append(self._member(method, module, AsyncClient))
        return _join(f"class Client(BlockingClient):\n{_docstring(AsyncClient, node, 4)}", members)

    def resource(self, cls: type) -> str:
        """Write the twin of one resource."""
        node, module = _class(cls)
        alias = f"Async{cls.__name__}"
        package = cls.__module__.removeprefix(f"{_PACKAGE}.")
        self._imports.setdefault((2, package), set()).add(f"{cls.__name__} as {alias}")
        init = (
            f"    def __init__(self, resource: {alias}, lifetime: Lifetime) -> None:\n"
            f"        self._async = resource\n"
            f"        self._lifetime = lifetime\n"
        )
        methods = [method for method in _methods(node) if method.name != "__init__"]
        members = [init, *(self._member(method, module, cls) for method in methods)]
        return _join(f"class {cls.__name__}:\n{_docstring(cls, node, 4)}", members)

    def _constructor(self, found: list[Resource]) -> str:
        node, module = _class(AsyncClient)
        init = next(method for method in _methods(node) if method.name == "__init__")
        arguments = self._arguments(init, module, without=LEFT_OUT)
        while arguments[-1].text in {"*", "/"}:
            arguments.pop()
        head = _layout("    def __init__(", [one.text for one in arguments], ") -> None:")
        doc = _docstring(AsyncClient, init, 8)
        for name in LEFT_OUT:
            doc = re.sub(rf"^ {{12}}{name}: .*\n(?: {{16}}.*\n)*", "", doc, flags=re.MULTILINE)
        passed = [one.passed for one in arguments if one.passed]
        made = _layout("            super().__init__(AsyncClient(", passed, "))", inner=True)
        made = (
            f"        try:\n{made}\n"
            f"        finally:  # tracebacks can show what the frames hold\n"
            f"            del {', '.join(SECRETS)}"
        )
        groups = []
        for one in found:
            name, cls = one.attribute, one.cls.__name__
            groups += [f"    {line}" for line in one.comment]
            groups.append(f"    {name}: {cls} = {cls}(AsyncClient.{name}, NO_LIFETIME)")
        lines = [*groups, "", head, doc.rstrip("\n"), made]
        for one in found:
            name, cls = one.attribute, one.cls.__name__
            lines.append(f"        self.{name} = {cls}(self._async.{name}, self._lifetime)")
        return "\n".join(lines) + "\n"

    def _member(self, method: ast.FunctionDef | ast.AsyncFunctionDef, module: ModuleType, cls: type) -> str:
        decorators = [ast.unparse(decorator) for decorator in method.decorator_list]
        doc = _docstring(cls, method, 8)
        returns = _text(method.returns, module)
        arguments = self._arguments(method, module)
        if decorators == ["property"]:
            head = f"    @property\n    def {method.name}(self) -> {self._named(returns, method.returns, module)}:"
            return f"{head}\n{doc}        return self._async.{method.name}\n"
        if decorators:
            raise ValueError(f"{cls.__name__}.{method.name}: no rule for {decorators}")
        iterated = re.fullmatch(r"AsyncGenerator\[(.*), None\]", returns)
        source = next((one.name for one in arguments if re.search("Requests|AsyncIter", one.text)), "")
        passed = ["pulled" if one.name == source else one.passed for one in arguments if one.passed]
        if returns == "BulkRun":
            names, puller = ({"pull_in_caller"}, ", puller") if source else (set[str](), "")
            self._imports.setdefault((1, "bulk"), set()).update({"BlockingBulkRun"} | names)
            returns = "BlockingBulkRun"
            lines = [
                *([f"        pulled, puller = pull_in_caller({source})"] if source else []),
                _layout(f"        run = self._async.{method.name}(", passed, ")"),
                f"        return BlockingBulkRun(self._lifetime, run{puller})",
            ]
        elif source:
            raise ValueError(f"{cls.__name__}.{method.name}: an input must be pulled in the caller's thread")
        elif iterated:
            self._imports.setdefault((1, "iterator"), set()).add("BlockingIterator")
            self._named(iterated[1], method.returns, module)
            returns = f"BlockingIterator[{iterated[1]}]"
            lines = [
                _layout(f"        items = self._async.{method.name}(", passed, ")"),
                "        return BlockingIterator(self._lifetime, items)",
            ]
        elif returns.startswith("Async"):
            raise ValueError(f"{cls.__name__}.{method.name}: only an AsyncGenerator[..., None] can be closed")
        elif isinstance(method, ast.AsyncFunctionDef):
            self._named(returns, method.returns, module)
            keyword = "" if returns == "None" else "return "
            lines = [_layout(f"        {keyword}self._lifetime.call(", [f"self._async.{method.name}", *passed], ")")]
        elif not re.search(r"\b(Awaitable|Coroutine|Iterator|Iterable)\b", returns):  # what it returns is a value
            self._named(returns, method.returns, module)
            lines = [_layout(f"        return self._async.{method.name}(", passed, ")")]
        else:
            raise ValueError(f"{cls.__name__}.{method.name}: no rule for a plain method that returns {returns}")
        head = _layout(f"    def {method.name}(", [one.text for one in arguments], f") -> {returns}:")
        return "\n".join([head, doc.rstrip("\n"), *lines]) + "\n"

    def _named(self, text: str, node: ast.AST | None, module: ModuleType) -> str:
        """Import what an expression names, and return it."""
        for part in ast.walk(node) if node is not None else ():
            if isinstance(part, ast.Name) and re.search(rf"\b{part.id}\b", text):
                self._import(part.id, module)
        return text

    def _import(self, name: str, module: ModuleType) -> None:
        body = ast.parse(inspect.getsource(module)).body
        guarded = [one for entry in body if isinstance(entry, ast.If) for one in entry.body]
        for statement in [*body, *guarded]:
            for alias in statement.names if isinstance(statement, ast.Import | ast.ImportFrom) else ():
                if (alias.asname or alias.name) != name:
                    continue
                text = alias.name + (f" as {alias.asname}" if alias.asname else "")
                imports = self._typing if statement in guarded else self._imports
                if isinstance(statement, ast.ImportFrom):
                    imports.setdefault(_imported_from(statement, module), set()).add(text)
                else:
                    imports[0, text] = set()
                return
        if name in vars(module):
            self._imports.setdefault((2, module.__name__.removeprefix(f"{_PACKAGE}.")), set()).add(name)

    def _arguments(
        self, method: ast.FunctionDef | ast.AsyncFunctionDef, module: ModuleType, *, without: tuple[str, ...] = ()
    ) -> list[_Argument]:
        given = method.args
        positional = [*given.posonlyargs, *given.args]
        missing: list[ast.expr | None] = [None] * (len(positional) - len(given.defaults))
        found = []
        for number, (arg, default) in enumerate(zip(positional, [*missing, *given.defaults], strict=True), start=1):
            found.append(self._argument(arg, default, module, keyword=False))
            if number == len(given.posonlyargs):
                found.append(_Argument("", "/", ""))
        if given.vararg is not None or given.kwarg is not None:
            raise ValueError(f"{method.name}: no rule for * and ** arguments")
        if given.kwonlyargs:
            found.append(_Argument("", "*", ""))
        for arg, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
            if arg.arg not in without and not arg.arg.startswith("_"):
                found.append(self._argument(arg, default, module, keyword=True))
        return found

    def _argument(self, arg: ast.arg, default: ast.expr | None, module: ModuleType, *, keyword: bool) -> _Argument:
        if arg.arg == "self":
            return _Argument("self", "self", "")
        annotation = self._named(_text(arg.annotation, module), arg.annotation, module)
        text = f"{arg.arg}: {annotation}"
        if default is not None:
            text += f" = {self._named(_text(default, module), default, module)}"
        passed = arg.arg
        if re.match(r"(Iterable|Iterator|Collection)\[", annotation):
            self._imports[1, "lifetime"].add("as_tuple")
            passed = f"as_tuple({passed})"
        return _Argument(arg.arg, text, f"{arg.arg}={passed}" if keyword else passed)


@attrs.frozen
class _Argument:
    name: str
    text: str
    passed: str


@cache
def _class(cls: type) -> tuple[ast.ClassDef, ModuleType]:
    module = sys.modules[cls.__module__]
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.ClassDef) and node.name == cls.__name__:
            return node, module
    raise ValueError(f"{cls.__name__} is not at the top level of its module")


def _imported_from(statement: ast.ImportFrom, module: ModuleType) -> tuple[int, str]:
    """Return level and module of an import, as seen from `cmr_async/sync`."""
    if not statement.level:
        return 0, statement.module or ""
    package = (module.__package__ or "").split(".")
    absolute = ".".join([*package[: len(package) - statement.level + 1], *filter(None, [statement.module])])
    return 2, absolute.removeprefix(_PACKAGE).lstrip(".")


def _methods(node: ast.ClassDef) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return the public methods and the special ones."""
    functions = [entry for entry in node.body if isinstance(entry, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [entry for entry in functions if not entry.name.startswith("_") or entry.name.endswith("__")]


def _text(node: ast.AST | None, module: ModuleType) -> str:
    if node is None:
        raise ValueError(f"{module.__name__}: an annotation is missing")
    return re.sub(r"\s*\n\s*", " ", ast.get_source_segment(inspect.getsource(module), node) or "")


def _docstring(cls: type, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, indent: int) -> str:
    raw = ast.get_docstring(node)
    if raw is None:
        raise ValueError(f"{cls.__name__}.{node.name} has no docstring")
    text = '"""' + _reflow(adapt(raw), _WIDTH - indent) + ('\n"""' if "\n" in raw else '"""')
    text = text.replace("\\", "\\\\")
    return textwrap.indent(text, " " * indent, lambda line: bool(line.strip())) + "\n"


def _constants_classes_functions(name: str) -> tuple[bool, bool, str]:
    return (not name.isupper(), not name[:1].isupper(), name.partition(" ")[0])


def _reflow(text: str, width: int) -> str:
    """Wrap the paragraphs that have a line of more than `width` characters."""
    paragraphs: list[list[str]] = [[]]
    for line in text.split("\n"):
        if not line.strip() or (paragraphs[-1] and _indent(line) != _indent(paragraphs[-1][-1])):
            paragraphs.append([])
        paragraphs[-1].append(line)
    lines = []
    for paragraph in paragraphs:
        if max(map(len, paragraph), default=0) > width:
            pad = paragraph[-1][: _indent(paragraph[-1])]
            blank = [""] if not paragraph[0].strip() else []
            joined = " ".join(line.strip() for line in paragraph).strip()
            lines += [*blank, *textwrap.wrap(joined, width, initial_indent=pad, subsequent_indent=pad)]
        else:
            lines += paragraph
    return "\n".join(lines)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _layout(start: str, items: list[str], end: str, *, inner: bool = False) -> str:
    """Lay a bracketed list out as the formatter does: one line, one line of its own, or one line each."""
    if len(one := start + ", ".join(items) + end) <= _WIDTH:
        return one
    pad = " " * (len(start) - len(start.lstrip()))
    if inner:  # a call in a call: the outer bracket opens first
        outer = start.partition("(AsyncClient(")[0]
        return f"{outer}(\n" + _layout(f"{pad}    AsyncClient(", items, ")") + f"\n{pad})"
    if len(own := f"{pad}    " + ", ".join(items)) <= _WIDTH:
        return f"{start}\n{own}\n{pad}{end}"
    return f"{start}\n" + "".join(f"{pad}    {item},\n" for item in items) + f"{pad}{end}"


def _join(head: str, members: list[str]) -> str:
    return head + "\n" + "\n".join(members)


def main() -> None:
    """Rewrite the files."""
    for name, text in render().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
