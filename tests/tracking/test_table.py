"""What sightings of an order say together, whichever comes first."""

from __future__ import annotations

from itertools import permutations

import attrs
import pytest

from cmr_async.models.progress import OrderToken
from cmr_async.models.tracking import ProvisionKind, ProvisionState, Sighting
from cmr_async.tracking.table import OpenOrder, OrderTable

TOKEN = OrderToken(order_id="O", user_id="U", domains=("a.com",), mailboxes=("ada@a.com", "bob@a.com"))
EVENT = Sighting(order_id="O", kind=ProvisionKind.MAILBOX, name="*@a.com", state=ProvisionState.FAILED, reason="no")
SHOWN = attrs.evolve(EVENT, status="FAILED", reason="")
PENDING = Sighting(order_id="O", kind=ProvisionKind.DOMAIN, name="a.com", state=ProvisionState.WAITING)


def states(*sightings: Sighting) -> list[str]:
    """Return the states of the domain and its mailboxes after some sightings."""
    table = OrderTable()
    table.add(OpenOrder(token=TOKEN, look_from=0, single_at=0, single_gap=1))
    for sighting in sightings:
        table.apply([sighting])
    return [each.state.value for each in table.orders["O"].progress.provisions]


@pytest.mark.parametrize("sightings", list(permutations([EVENT, SHOWN, PENDING])))
def test_the_failure_of_a_mailbox_order_proves_its_domain(sightings: tuple[Sighting, ...]) -> None:
    assert states(*sightings) == ["active", "failed", "failed"]


def test_a_list_that_shows_mailboxes_as_failed_proves_no_domain() -> None:
    assert states(SHOWN, PENDING) == ["waiting", "failed", "failed"]
    assert states(SHOWN, attrs.evolve(PENDING, state=ProvisionState.FAILED)) == ["failed", "failed", "failed"]


def test_a_sighting_that_was_known_changes_nothing() -> None:
    table = OrderTable()
    table.add(OpenOrder(token=TOKEN, look_from=0, single_at=0, single_gap=1))
    assert [order.token.order_id for order in table.apply([EVENT, attrs.evolve(EVENT, order_id="OTHER")])] == ["O"]
    assert table.apply([EVENT]) == []
