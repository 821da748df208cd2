"""Benchmarks of the program, compared with istioctl and helm."""
