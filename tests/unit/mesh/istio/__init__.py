"""Tests of mesh/istio/."""
