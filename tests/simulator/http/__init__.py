"""Tests of the simulator; a package so that they share what `conftest.py` defines."""
