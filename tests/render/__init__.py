"""Tests with the real helm and a real release."""
