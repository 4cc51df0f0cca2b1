"""What `cmr webhooks` is made of: a server on this machine, recordings, and deliveries that are sent for a trial."""
