"""Check what a file would do before anything is sent: counts, faults, what a journal says, and the estimated cost."""
