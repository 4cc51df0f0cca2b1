"""What the SDK decides, without any I/O: endpoints, wire forms, judgement, retries, pacing, validation."""
