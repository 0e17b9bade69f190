"""Fixtures of all tests."""

from made_labs import graded, make_lab

__all__ = ["graded", "make_lab"]
