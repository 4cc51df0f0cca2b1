"""The `cmr` command: files in, progress, reports out. Needs the extra `cli`."""
