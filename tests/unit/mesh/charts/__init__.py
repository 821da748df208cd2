"""Tests of mesh/charts/."""
