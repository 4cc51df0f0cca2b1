"""The durable ledger of a run: what was planned, what was sent and how it ended."""
