"""Objects of a cluster as mappings, and what Kubernetes and Istio read in them.

`make verify` and `make topology` use it. Not here: what is wrong (meshctl/verify/), and what is
drawn (meshctl/topology/).
"""
