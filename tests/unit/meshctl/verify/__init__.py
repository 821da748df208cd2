"""Tests of meshctl/verify/."""
