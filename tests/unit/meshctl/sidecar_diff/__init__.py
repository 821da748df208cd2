"""Tests of meshctl/sidecar_diff/."""
