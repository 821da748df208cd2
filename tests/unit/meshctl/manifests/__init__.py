"""Tests of meshctl/manifests/."""
