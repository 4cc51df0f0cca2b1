"""What a report says above its numbers: what a person has to do, and what became of orders that were in doubt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from .standing import Kind, Standing

_DASHBOARD = "look in the Partner Dashboard first"


def notices(counts: Mapping[Kind, Counter[Standing]], *, has_journal: bool) -> str:
    """Return paragraphs of HTML; empty when there is nothing to say.

    Args:
        counts: How many steps of each kind stand how.
        has_journal: The steps stand in a journal, so that commands can work on them.
    """
    drafts = counts[Kind.DRAFT]
    paying = counts[Kind.PAID] + counts[Kind.PROCESSING]
    every = drafts + paying
    look = "run <code>cmr orders reconcile</code> on this journal" if has_journal else _DASHBOARD
    again = "<code>cmr orders resubmit --all-drafts</code> plans {them} again" if has_journal else _DASHBOARD
    warnings = [
        (paying[Standing.UNKNOWN], f"may or may not have been placed. Do not send {{them}} again: {look}."),
        (drafts[Standing.UNKNOWN], f"may or may not exist as {{drafts}}, and a second draft costs nothing: {again}."),
        (every[Standing.CONFLICT], f"with contradictory evidence. Do not send {{them}} again: {_DASHBOARD}."),
        (every[Standing.PARTIAL], "accepted without some of {their} domains, which the API calls unavailable."),
    ]
    absent = "without an answer, then found absent: counted as not ordered. "
    resubmit = "<code>cmr orders resubmit --all-absent{step}</code> plans {{them}} again."
    processing = counts[Kind.PROCESSING][Standing.ABSENT]
    notes = [
        (every[Standing.PLACED], "without an answer, then found placed: counted as ordered."),
        (every[Standing.ABSENT] - processing, absent + resubmit.format(step="")),
        (processing, absent + resubmit.format(step=" --step process")),
    ]
    return "\n".join([*_paragraphs("warning", warnings), *_paragraphs("note", notes)])


def _paragraphs(kind: str, told: Iterable[tuple[int, str]]) -> list[str]:
    return [f'<p class="{kind}">{count:,} {_agree(text, count)}</p>' for count, text in told if count]


def _agree(text: str, count: int) -> str:
    if count == 1:
        return text.format(them="it", their="its", drafts="a draft")
    return text.format(them="them", their="their", drafts="drafts")
