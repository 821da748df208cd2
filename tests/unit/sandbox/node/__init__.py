"""Tests of the node whose pods are processes."""
