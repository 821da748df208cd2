"""The node whose pods are processes: real sidecars and real programs, in networks of their own."""
