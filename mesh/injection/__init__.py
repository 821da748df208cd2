"""Manual sidecar injection by `istioctl kube-inject`.

Not here: automatic injection, which is a label of the namespace
(components/injected_namespace.py).
"""
