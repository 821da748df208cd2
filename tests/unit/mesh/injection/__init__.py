"""Tests of mesh/injection/."""
