"""The `cmr` command: orders from files, their journals and reports. It needs the extra `cli`."""
