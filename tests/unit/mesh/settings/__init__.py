"""Tests of mesh/settings/."""
