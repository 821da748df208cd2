"""Break each rule once; the config's `mode` and the stack's name decide which of them hold."""

import os

import pulumi
from pulumi_kubernetes import Provider
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.apiextensions.v1 import CustomResourceDefinition
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.core.v1 import Namespace, Service

provider = Provider(
    "folder",
    kubeconfig="",
    render_yaml_to_directory="rendered",
    opts=pulumi.ResourceOptions(version=os.environ.get("MESH_KUBERNETES_PLUGIN")),
)
opts = pulumi.ResourceOptions(provider=provider)
shop = {"namespace": "shop"}

Namespace("shop", metadata={"name": "shop", "labels": {"team": "shop"}}, opts=opts)
Deployment(
    "web",
    metadata={"name": "web", **shop},
    spec={
        "selector": {"match_labels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "main", "image": "gcr.io/istio-release/web:latest"}]},
        },
    },
    opts=opts,
)
Service(
    "web",
    metadata={"name": "web", **shop},
    spec={"type": "NodePort", "ports": [{"port": 8080}]},
    opts=opts,
)
CustomResource(
    "mtls",
    api_version="security.istio.io/v1",
    kind="PeerAuthentication",
    metadata={"name": "mtls", **shop},
    spec={"mtls": {"mode": "PERMISSIVE"}},
    opts=opts,
)
CustomResource(
    "all",
    api_version="networking.istio.io/v1",
    kind="VirtualService",
    metadata={"name": "all", **shop},
    spec={"hosts": ["*"]},
    opts=opts,
)
CustomResourceDefinition(
    "things",
    metadata={"name": "things.example.com"},
    spec={
        "group": "example.com",
        "names": {"kind": "Thing", "plural": "things"},
        "scope": "Namespaced",
        "versions": [],
    },
    opts=opts,
)
