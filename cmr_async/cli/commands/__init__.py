"""The commands of `cmr`, one file per group."""
