"""Tests of mesh/resources/."""
