"""Tests of mesh/."""
