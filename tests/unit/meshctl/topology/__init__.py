"""Tests of meshctl/topology/."""
