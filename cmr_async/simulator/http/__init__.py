"""The simulator on the wire: its server, its endpoints, and the webhooks that it sends."""
