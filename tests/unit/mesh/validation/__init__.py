"""Tests of mesh/validation/."""
