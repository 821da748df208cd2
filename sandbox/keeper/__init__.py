"""The keeper: what a kubelet and a cloud do in a cluster of fake nodes."""
