"""Tests of meshctl/update/."""
