"""Istio and Bookinfo on one cluster: the platform, then the application on it, or one of them."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - an older Python stops here, with a reason
    sys.exit("mesh needs Python 3.11 or newer, this is " + sys.version.split()[0])

import atexit
import gc

import pulumi

from layers import app
from layers import platform as platforms
from mesh.kubernetes import cluster as clusters
from mesh.kubernetes import field_ownership
from mesh.validation import config

gc.disable()  # the program ends in seconds
atexit.register(gc.freeze)

settings, control_planes = config.read()
cluster = clusters.choose(settings.context, settings.kubeconfig)
field_ownership.take_over(settings.kube_version)

# CRDs, core, gateways, node agents: layers/platform.py
if control_planes is None:
    platform = platforms.of_another_stack(settings, cluster)
else:
    platform = platforms.deploy(settings, control_planes, cluster)

pulumi.export("context", cluster.context)
pulumi.export("istioVersion", platform.contract.istio_version)
pulumi.export("istioNamespace", settings.istio_namespace)
pulumi.export("namespaces", settings.namespaces)
pulumi.export("gatewayAddress", platform.address)
if control_planes is not None:
    pulumi.export("releaseSource", platform.release_source)
    pulumi.export("dashboards", platform.dashboards)
    pulumi.export("gatewayAddresses", platform.addresses)
    pulumi.export("keptOnDestroy", platform.kept_on_destroy)
if platform.cluster_contract is not None:
    pulumi.export("clusterContract", platform.cluster_contract)

# Namespace, policies, Bookinfo, routes: layers/app.py
if settings.mode == "platform":
    pulumi.export(
        "platformContract", {**platform.contract.output, "gatewayAddress": platform.address}
    )
else:
    pulumi.export("bookinfoUrl", app.deploy(settings, platform))
    pulumi.export("bookinfoNamespace", settings.bookinfo_namespace)
