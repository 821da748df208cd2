"""Tests of mesh/kubernetes/."""
