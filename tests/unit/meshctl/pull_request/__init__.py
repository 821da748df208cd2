"""Tests of meshctl/pull_request/."""
