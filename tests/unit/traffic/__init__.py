"""Tests of traffic/."""
