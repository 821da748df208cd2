"""Tests of meshctl/commands/."""
