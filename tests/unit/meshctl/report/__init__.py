"""Tests of `make report`."""
