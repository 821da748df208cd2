"""Tests of meshctl/workspace/."""
