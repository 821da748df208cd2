"""Tests of meshctl/render/."""
