"""A stack on this machine: its config file, backend, programs, and Istio releases on disk.

Runs the Pulumi CLI and kubectl for the other commands. Not here: what a command prints.
"""
