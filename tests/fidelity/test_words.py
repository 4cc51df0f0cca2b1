"""What people read claims nothing that no source says: in messages, in the documentation and in docstrings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2]

#: What was said without a source, and what the sources say.
UNSOURCED = {
    r"can be (processed|reviewed) in the Partner Dashboard": "whether it can process drafts is not documented",
    r"Review them in the Partner Dashboard": "the same",
    r"(in|within) a minute or two": "usually 10 to 90 seconds by the help centre, and it can still fail",
    r"404 for an id that it does not know": "unknown",
    r"it can be bought once": "what a second order does is not documented",
    r"the API has no field": "the page documents no such field",
    r"[Hh]as no idempotency key": "it documents none",
    r"a (Google|Microsoft) order needs (it|one)": "the page asks it of mailboxes",
}


def texts() -> Iterator[tuple[str, str]]:
    for pattern in ("README.md", "docs/**/*.md", "examples/*.py", "cmr_async/**/*.py"):
        for path in sorted(HERE.glob(pattern)):
            yield str(path.relative_to(HERE)), re.sub(r"\s+", " ", path.read_text(encoding="utf-8"))


@pytest.mark.skipif(not (HERE / "README.md").exists(), reason="an installed package comes without its pages")
@pytest.mark.parametrize("claim", UNSOURCED)
def test_nobody_reads_a_claim_that_no_source_makes(claim: str) -> None:
    assert [name for name, text in texts() if re.search(claim, text)] == [], UNSOURCED[claim]
