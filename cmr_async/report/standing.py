"""How a step of a journal stands: its state, or what the evidence says about an unknown one; and what kind it is."""

from __future__ import annotations

from enum import StrEnum

from ..journal.records import JournalEntry
from ..journal.states import Step, StepState


class Kind(StrEnum):
    """What a step does about money."""

    #: An order that is paid at once.
    PAID = "paid"
    #: An order that costs nothing until it is processed.
    DRAFT = "draft"
    #: The processing of a draft, which pays for it.
    PROCESSING = "processing"

    @classmethod
    def of(cls, entry: JournalEntry) -> Kind:
        """Return the kind of a step."""
        if entry.step is Step.PROCESS:
            return cls.PROCESSING
        return cls.PAID if entry.confirm else cls.DRAFT


class Standing(StrEnum):
    """How a step stands, in the order of a report: what a person has to deal with comes first."""

    #: It may or may not have happened, and no evidence decides it.
    UNKNOWN = "unknown"
    #: It may or may not have happened, and the evidence contradicts itself.
    CONFLICT = "conflict"
    #: It was refused.
    REJECTED = "rejected"
    #: The API accepted it without some of its domains.
    PARTIAL = "partial"
    #: A request may be under way.
    SENT = "sent"
    #: It did not reach the API.
    NOT_SENT = "not_sent"
    #: It is still to be sent.
    PLANNED = "planned"
    #: It had no answer, and the evidence says that it did not happen.
    ABSENT = "absent"
    #: It had no answer, and the evidence says that it happened.
    PLACED = "placed"
    #: The API accepted it.
    ACCEPTED = "accepted"

    @classmethod
    def of(cls, entry: JournalEntry) -> Standing:
        """Return how a step stands; a verdict counts for an unknown step only."""
        if entry.state is StepState.ACCEPTED and entry.unavailable:
            return cls.PARTIAL
        if entry.state is StepState.UNKNOWN and entry.verdict is not None:
            return cls(entry.verdict.value)
        return cls(entry.state.value)

    @property
    def rank(self) -> int:
        """Its place in the order of a report, from 0."""
        return _RANK[self]

    @property
    def words(self) -> str:
        """How a report calls it."""
        return _WORDS.get(self, self.value)


_RANK = {standing: number for number, standing in enumerate(Standing)}
_WORDS = {
    Standing.CONFLICT: "conflicting evidence",
    Standing.PARTIAL: "accepted in part",
    Standing.NOT_SENT: "not sent",
    Standing.ABSENT: "found absent",
    Standing.PLACED: "found placed",
}
