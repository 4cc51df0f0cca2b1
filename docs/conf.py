"""Settings of the documentation build."""

from typing import Any

from cmr_async import __version__

project = "cmr_async"
author = "cmr_async contributors"
copyright = f"2026, {author}"  # noqa: A001 - Sphinx reads this name
release = __version__
version = ".".join(release.split(".")[:2])

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"cmr_async {release}"
default_role = "code"
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_class_signature = "mixed"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False

# Names of other projects: their inventories would be fetched over the network at every build
nitpick_ignore_regex = [
    (r"py:.*", r"(aiohttp|attrs?|asyncio|os|collections|datetime|decimal|random|sqlalchemy|ssl|types|typing|yarl)\b.*"),
    (r"py:.*", r"(AbstractResolver|PathLike|Any|(Async)?Iterable|Mapping|SSLContext|ssl_module\.\w+)"),
    (r"py:class", r"(str|int|float|bool|bytes|object|tuple|dict|None|optional)"),
    (r"py:(class|exc|obj)", r"(ValueError|RuntimeError|Exception|UserWarning|StrEnum|enum\..*)"),
    # Ours, and not public: how a resource is made, and what only the SDK itself calls
    (
        r"py:(class|exc)",
        r"(CheckedFile|Database|Feed|JournalLike|Lifetime|_InputPuller|Outside|Pacer|Pipeline|Plan|Random|R_co|Readable|Refusal|Requests|SecretText|.*\.(CheckedOrder|JournalPace|SecretText))",
    ),
    (r"py:class", r"cmr_async\.simulator\.shop\.records\.(OrderBody|Provision|Purchase|SimulatedMailbox)"),
    (r"py:class", r"cmr_async\.simulator\.shop\.(holdings\.Holdings|outbox\.Outbox)"),
    (
        r"py:class",
        r"(Connection|DeliveryJournal|E|Handler|Keys|web\.\w+|cmr_async\.journal\.(states\.OrderKind|tracking\.TrackingRecords))",
    ),
    # A sentence with a colon in a "Returns" section is taken for a type
    (r"py:class", r".* .*"),
]


def keep_sentences(_app: Any, what: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """Keep napoleon from reading the start of an attribute's sentence, up to a colon, as its type."""
    if what in {"attribute", "property"}:
        lines[:0] = ["..", ""]  # an empty comment: napoleon looks at the first line that is not blank


def setup(app: Any) -> None:
    """Run before napoleon, whose priority is 500."""
    app.connect("autodoc-process-docstring", keep_sentences, priority=400)
