"""Sightings of the same object say the same together, in whatever order and however often they come."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import permutations

import attrs
import pytest

from cmr_async.models.tracking import ProvisionKind, ProvisionState, Sighting, StoredDelivery, join

WAITING = Sighting(order_id="O", kind=ProvisionKind.MAILBOX, name="a@b.com", state=ProvisionState.WAITING)
CREATING = attrs.evolve(WAITING, status="CREATING_PASSWORD")
FAILED = attrs.evolve(WAITING, state=ProvisionState.FAILED, reason="Workspace validation failed")
ACTIVE = attrs.evolve(WAITING, state=ProvisionState.ACTIVE, status="ACTIVE", object_id="M", subscription_id="S")


@pytest.mark.parametrize("sightings", [*permutations((WAITING, CREATING, FAILED, ACTIVE))])
def test_the_order_of_sightings_does_not_matter(sightings: Sequence[Sighting]) -> None:
    once = reduce(join, sightings)
    assert (once.state, once.status, once.object_id, once.subscription_id) == (
        ProvisionState.ACTIVE,
        "ACTIVE",
        "M",
        "S",
    )
    assert reduce(join, (*sightings, *sightings)) == once


def test_a_failure_outweighs_that_something_is_not_ready_yet() -> None:
    for pair in ((WAITING, FAILED), (FAILED, CREATING)):
        joined = join(*pair)
        assert (joined.state, joined.reason) == (ProvisionState.FAILED, "Workspace validation failed")


def test_the_newer_status_of_the_same_state_counts_unless_there_is_none() -> None:
    assert join(CREATING, WAITING).status == "CREATING_PASSWORD"
    assert join(attrs.evolve(WAITING, status="IN_PROGRESS"), CREATING).status == "CREATING_PASSWORD"


def test_the_content_of_a_delivery_is_in_no_repr() -> None:
    assert "secret" not in repr(StoredDelivery(id="E", name="mailbox.created", content={"data": "secret"}))
