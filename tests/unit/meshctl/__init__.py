"""Tests of meshctl/."""
