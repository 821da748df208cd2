"""The values that the core's charts are rendered with: a stack's raw ones, and what it decides."""

from typing import Any

from mesh.istio.control_planes import ControlPlane, ControlPlanes
from mesh.kubernetes import pod_security
from mesh.resources import chart
from mesh.settings.schema import Settings

# istiod sets this itself; "Ignore", the default, would be a conflict on each update.
VALIDATORS = {"validationFailurePolicy": "Fail"}
# Every pod that istiod makes or completes keeps to Pod Security's "restricted": raw values may
# say otherwise.
RESTRICTED_VALUES: dict[str, Any] = {
    "seccompProfile": pod_security.SECCOMP_PROFILE,
    "global": {"proxy": {"seccompProfile": pod_security.SECCOMP_PROFILE}},
    "gateways": {
        "securityContext": {
            # The charts' own, by which ports 80 and 443 need no rights; a value replaces it.
            "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
            "seccompProfile": pod_security.SECCOMP_PROFILE,
        }
    },
}


def of_base(stack: Settings, control_planes: ControlPlanes) -> dict[str, Any]:
    """Values of the base chart: what the control planes of a cluster share."""
    decided = {
        # Whose validator checks the objects of those who name no revision.
        "defaultRevision": control_planes.own.revision,
        "base": {
            # IstioCRDs owns them.
            "excludedCRDs": control_planes.newest.crd_names,
            **VALIDATORS,
        },
    }
    raw = stack.core_values.get("istio-base", {})
    return chart.merged(RESTRICTED_VALUES, raw, stack.common_values, decided)


def of_istiod(stack: Settings, plane: ControlPlane) -> dict[str, Any]:
    """Merge the raw values of a chart with what the stack decides, which none of them is about."""
    decided = {
        "global": {"tag": plane.tag},
        "meshConfig": dict(stack.whole_mesh_config),
        "pilot": {
            "cni": {"enabled": bool(stack.data_plane.node_agents)},
            # istiod signs for any workload that ztunnel's account asks for: nobody else's may be.
            "trustedZtunnelNamespace": stack.node_agents_namespace
            if stack.data_plane.is_ambient
            else "",
        },
        "revision": plane.chart_value,
        "revisionTags": list(plane.tags),
        "base": VALIDATORS,
    }
    raw = stack.core_values.get("istiod", {})
    return chart.merged(RESTRICTED_VALUES, raw, stack.common_values, decided)
