"""Helm values of every chart since Istio 1.5: a stack's raw values and its settings."""

import hashlib
import json
from typing import Any

from mesh.charts import images
from mesh.charts.presets import presets
from mesh.istio.addons import JAEGER_PROVIDER
from mesh.istio.certificates import ROOTS, fingerprints
from mesh.istio.chart_files import merged
from mesh.istio.control_planes import ControlPlane, ControlPlanes, Proxies
from mesh.kubernetes import pod_security
from mesh.settings.data_plane import NodeAgent
from mesh.settings.gateway import STATUS_PORT, Gateway
from mesh.settings.schema import Settings

# istiod sets this itself; "Ignore", the default, would be a conflict on each update.
VALIDATORS = {"validationFailurePolicy": "Fail"}
# Every pod that istiod creates or injects meets Pod Security's "restricted"; raw values can
# override this.
RESTRICTED_VALUES: dict[str, Any] = {
    "seccompProfile": pod_security.SECCOMP_PROFILE,
    "global": {"proxy": {"seccompProfile": pod_security.SECCOMP_PROFILE}},
    "gateways": {
        "securityContext": {
            # The charts' own default, repeated because a value replaces it. With it, ports 80 and
            # 443 need no privileges.
            "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
            "seccompProfile": pod_security.SECCOMP_PROFILE,
        }
    },
}


WAYPOINT_VALUES = {"gateways": {"seccompProfile": pod_security.SECCOMP_PROFILE}}
"""The same for waypoints, whose template reads another value (files/waypoint.yaml)."""

GKE = "-gke"
"""Suffix in the version of Google's Kubernetes, such as v1.34.1-gke.2037000."""
GKE_CNI_BIN_DIR = "/home/kubernetes/bin"
"""Folder in which GKE's nodes look for CNI plugins.

The chart detects GKE by the cluster's version, which it doesn't get when it is rendered for a
pinned kubeVersion (istio-cni/templates/daemonset.yaml).
"""
CNI_PREFIX = "cni"

TEMPLATE_VALUES = ("gateways", "global", "sidecarInjectorWebhook")
"""Values of the istiod chart that istiod's proxy templates read (files/kube-gateway.yaml)."""

READ_AT_START = ("configSources", "ingressService", "rootNamespace", "trustDomain")
"""Fields of MeshConfig that istiod reads only when it starts (pilot/pkg/bootstrap/server.go)."""
STARTED_WITH = "mesh.pulumi.com/started-with"
"""Annotation of istiod's pods that changes with the settings that istiod reads only at start."""


def base_values(settings: Settings, control_planes: ControlPlanes) -> dict[str, Any]:
    """Return the values of the base chart, which all control planes of a cluster share."""
    decided = {
        # The validator of this revision checks objects without a revision label.
        # Where another cluster's istiod serves, nothing would answer the validator.
        "defaultRevision": "" if settings.remote_control_plane else control_planes.own.revision,
        "base": {
            # IstioCRDs owns them.
            "excludedCRDs": control_planes.newest.crd_names,
            **VALIDATORS,
        },
    }
    return merged(RESTRICTED_VALUES, settings.values.base, common_values(settings), decided)


def istiod_values(settings: Settings, plane: ControlPlane) -> dict[str, Any]:
    """Return the values of the istiod chart of one control plane."""
    decided: dict[str, Any] = {
        "global": {"tag": plane.tag},
        "meshConfig": mesh_config(settings),
        "pilot": {
            "cni": {"enabled": bool(settings.data_plane.node_agents)},
            # istiod signs any certificate that ztunnel's account requests: trust no other account.
            "trustedZtunnelNamespace": settings.node_agents_namespace
            if settings.data_plane.is_ambient
            else "",
        },
        "revision": plane.chart_value,
        "revisionTags": list(plane.tags),
        "base": VALIDATORS,
    }
    if settings.remote_control_plane:
        address = {"remotePilotAddress": settings.remote_control_plane.address}
        decided["global"] = {"tag": plane.tag, **address}
        decided["istiodRemote"] = {"injectionPath": _injection_path(settings)}
    if annotations := restart_annotations(settings):
        decided["podAnnotations"] = annotations
    raw = _above_presets(settings.values.istiod, "pilot")
    restricted = merged(RESTRICTED_VALUES, WAYPOINT_VALUES if _has_waypoints(settings) else {})
    pinned = images.of_istiod(settings, plane)
    return merged(restricted, raw, common_values(settings), decided, pinned)


def _has_waypoints(settings: Settings) -> bool:
    """Return whether this istiod deploys waypoints: the stack's, or those of applications."""
    is_for_apps = settings.mode == "platform" and settings.data_plane.is_ambient
    return bool(settings.waypoints) or is_for_apps


def _injection_path(settings: Settings) -> str:
    """Return the path by which istiod of another cluster knows whose pods it injects."""
    network = f"/net/{settings.network}" if settings.network else ""
    return f"/inject/cluster/{settings.cluster_name}{network}"


def restart_annotations(settings: Settings) -> dict[str, str]:
    """Return annotations that restart istiod's pods when their CA or mesh identity changes."""
    annotations = {}
    given = {key: settings.mesh_config[key] for key in READ_AT_START if key in settings.mesh_config}
    if authority := settings.cacerts:
        # Certificates are public; the key is left out, since it only has to fit them.
        files = (authority.ca_cert, authority.cert_chain, authority.root_cert)
        given["cacerts"] = [fingerprints(file.get_secret_value()) for file in files]
        annotations[ROOTS] = ",".join(fingerprints(authority.root_cert.get_secret_value()))
    if given:
        text = json.dumps(given, sort_keys=True)
        annotations[STARTED_WITH] = hashlib.sha256(text.encode()).hexdigest()[:16]
    return annotations


def runs_istiod(settings: Settings, plane: ControlPlane) -> bool:
    """Return whether a control plane's chart creates an istiod, with its Service.

    The chart leaves both out when istiod runs in another cluster, and when its release is for
    the cluster-scoped objects only (templates/deployment.yaml and service.yaml, since 1.27).
    """
    if plane.release.is_umbrella:
        return True
    if settings.remote_control_plane:
        return False
    values = settings.values.istiod
    remote = values.get("istiodRemote") or {}
    scope = (values.get("global") or {}).get("resourceScope", "all")
    is_remote = remote.get("enabled") and not remote.get("enabledLocalInjectorIstiod")
    return not is_remote and scope != "cluster"


def node_agent_values(settings: Settings, agent: NodeAgent, plane: ControlPlane) -> dict[str, Any]:
    """Return the values of a node agent's chart."""
    common = common_values(settings)
    raw = raw_node_agent_values(settings)[agent]
    if agent == "istio-cni":
        gke = {CNI_PREFIX: {"cniBinDir": GKE_CNI_BIN_DIR}} if is_gke(settings) else {}
        raw = merged(gke, _above_presets(raw, CNI_PREFIX))
    return merged(
        raw,
        common,
        # ztunnel's chart reads these at the top level, the other charts below `global`.
        common["global"],
        {"revision": plane.chart_value},
        images.of_node_agent(settings, agent, plane),
    )


def is_gke(settings: Settings) -> bool:
    """Return whether the stack's nodes are Google's, by its platform or its kubeVersion."""
    return settings.platform == "gke" or GKE in settings.kube_version


def sets_cni(settings: Settings, key: str) -> bool:
    """Return whether the stack's raw values set a value of istio-cni, or its platform."""
    raw = settings.values.cni
    has_platform = bool((raw.get("global") or {}).get("platform"))
    return has_platform or key in raw or key in (raw.get(CNI_PREFIX) or {})


def raw_node_agent_values(settings: Settings) -> dict[NodeAgent, dict[str, Any]]:
    """Return the raw values of the node agents' charts, by release name."""
    return {"istio-cni": settings.values.cni, "ztunnel": settings.values.ztunnel}


def gateway_values(settings: Settings, gateway: Gateway, proxies: Proxies) -> dict[str, Any]:
    """Return the values of a gateway's chart, which spells pull secrets as Kubernetes does."""
    names = [{"name": name} for name in settings.pull_secrets]
    pulling = {"imagePullPolicy": settings.image_pull_policy, "imagePullSecrets": names}
    network = {"networkGateway": settings.network} if gateway.direction == "east-west" else {}
    return merged(
        gateway.values,
        {**presets(settings), **{key: value for key, value in pulling.items() if value}},
        typed_gateway_values(gateway),
        network,
        proxies.gateway_values,
        images.of_gateway(settings, proxies),
    )


def image_tag(settings: Settings, proxies: Proxies) -> str:
    """Return the image tag of an istiod's proxies; empty when raw values set their image."""
    proxy = (settings.values.istiod.get("global") or {}).get("proxy") or {}
    return "" if "image" in proxy else images.tag_of_proxies(settings, proxies)


def template_mark(settings: Settings) -> str:
    """Return a hash of the values that istiod renders its proxies' templates with."""
    raw = {key: settings.values.istiod.get(key) for key in TEMPLATE_VALUES}
    # The tag is an input of its own: the version.
    common = merged(common_values(settings), {"global": {"tag": ""}})
    used = merged(raw, common, {"meshConfig": mesh_config(settings)})
    return hashlib.sha256(json.dumps(used, sort_keys=True).encode()).hexdigest()[:16]


def typed_gateway_values(gateway: Gateway) -> dict[str, Any]:
    """Return the chart values of a gateway's typed fields; its `values` contains none of them."""
    service: dict[str, Any] = {"type": gateway.service_type}
    if gateway.ports is not None:
        service["ports"] = [
            STATUS_PORT,
            *(
                {
                    "name": port.name,
                    "port": port.port,
                    "targetPort": port.target_port or port.port,
                    "protocol": port.protocol,
                    **({"nodePort": port.node_port} if port.node_port else {}),
                }
                for port in gateway.ports
            ),
        ]
    optional = {
        "annotations": gateway.annotations,
        "loadBalancerIP": gateway.load_balancer.ip,
        "loadBalancerClass": gateway.load_balancer.class_name,
        "loadBalancerSourceRanges": list(gateway.load_balancer.source_ranges),
    }
    values: dict[str, Any] = {
        "service": service | {key: value for key, value in optional.items() if value}
    }
    if gateway.direction == "egress":
        values["labels"] = gateway.selector
    if gateway.replicas is not None:
        values |= {"replicaCount": gateway.replicas, "autoscaling": {"enabled": False}}
    elif gateway.autoscaling is not None:
        values["autoscaling"] = gateway.autoscaling.model_dump(by_alias=True)
    return values


def common_values(settings: Settings) -> dict[str, Any]:
    """Return the values that every chart of Istio gets."""
    named = {
        "hub": settings.hub,
        "tag": settings.tag or settings.istio_version,
        "imagePullPolicy": settings.image_pull_policy,
        "imagePullSecrets": settings.pull_secrets,
    }
    return {
        **presets(settings),
        "global": {
            "istioNamespace": settings.istio_namespace,
            **{key: value for key, value in named.items() if value},
            **_place_in_mesh(settings),
        },
    }


def _place_in_mesh(settings: Settings) -> dict[str, Any]:
    """Return the names of the mesh, the cluster and the network, for a mesh of several clusters."""
    name = settings.cluster_name
    named = {
        "meshID": settings.mesh_id,
        "externalIstiod": settings.external_istiod,
        "network": settings.network,
        "multiCluster": {"clusterName": name} if name else None,
    }
    return {key: value for key, value in named.items() if value}


def mesh_config(settings: Settings) -> dict[str, Any]:
    """Return the stack's meshConfig, completed by its other settings."""
    config = dict(settings.mesh_config)
    if settings.outbound_traffic_policy:
        config["outboundTrafficPolicy"] = {"mode": settings.outbound_traffic_policy}
    if "jaeger" in settings.addons:
        jaeger = {
            "name": JAEGER_PROVIDER,
            "opentelemetry": {
                "service": f"jaeger-collector.{settings.istio_namespace}.svc.cluster.local",
                "port": 4317,
            },
        }
        config["extensionProviders"] = [*config.get("extensionProviders", ()), jaeger]
    return config


def _above_presets(raw: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Make raw values override a profile's or a platform's, as they override the defaults.

    The charts finally copy the values below their prefix over all others, and the presets' values
    are below it (templates/zzy_descope_legacy.yaml).
    """
    own = {key: value for key, value in raw.items() if key not in (prefix, "global")}
    return merged(raw, {prefix: merged(own, raw.get(prefix) or {})}) if own else raw
