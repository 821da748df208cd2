"""Tests of mesh/preflight/."""
