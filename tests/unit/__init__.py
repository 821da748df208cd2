"""Tests without an engine, a cluster or helm."""
