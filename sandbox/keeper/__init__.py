"""The keeper: does the work of a kubelet and a cloud in a cluster of fake nodes."""
