"""Istio and Bookinfo on one cluster: the platform, then the application on it, or one of them."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - an older Python stops here, with a reason
    sys.exit("mesh needs Python 3.11 or newer, this is " + sys.version.split()[0])

import pulumi

import layers
from mesh import garbage
from mesh.kubernetes import cluster
from mesh.settings import schema

garbage.leave()
stack = schema.read()
target = cluster.choose(stack.context, stack.kubeconfig)

# CRDs, core, gateways, agents (layers/platform.py); namespace, policies, Bookinfo, routes
# (layers/app.py).
foundation = layers.deploy(stack, target)

pulumi.export("context", target.context)
pulumi.export("istioVersion", foundation.contract.istio_version)
pulumi.export("istioNamespace", stack.istio_namespace)
pulumi.export("namespaces", stack.namespaces)
pulumi.export("gatewayAddress", foundation.address)
