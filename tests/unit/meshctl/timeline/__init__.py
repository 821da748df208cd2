"""Tests of meshctl/timeline/."""
