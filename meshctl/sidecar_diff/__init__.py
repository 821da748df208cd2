"""`make sidecar-diff`: what a sidecar adds to a Deployment, rendered or live.

Not here: how pods are injected (mesh/injection/).
"""
