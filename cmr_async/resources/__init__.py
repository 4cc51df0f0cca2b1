"""One class per API group; one method is one row of the endpoint table."""
