"""A Kubernetes cluster and its API, without Istio.

Kubeconfig files, the choice of the cluster, API clients, the provider, which Kubernetes version
serves which API, and the annotations that mark what a stack owns. Not here: anything that knows
Istio (mesh/istio/).
"""
