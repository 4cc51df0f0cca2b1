"""What becomes of accepted orders: one sweep over the API's lists for all who wait, and what webhooks brought."""
