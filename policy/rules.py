"""All rules, in the order in which docs/policy.md explains them."""

from policy.cluster_scope import NO_CLUSTER_SCOPE
from policy.containers import PROBES, RESOURCES
from policy.crds import RETAINED
from policy.hosts import NO_WILDCARD
from policy.images import FROM_REGISTRIES, NOT_RETIRED, PINNED
from policy.injection import INJECTED
from policy.mtls import STRICT
from policy.ports import GATEWAY_PORTS, NO_NODE_PORTS

RULES = (
    PINNED,
    FROM_REGISTRIES,
    NOT_RETIRED,
    INJECTED,
    STRICT,
    GATEWAY_PORTS,
    NO_NODE_PORTS,
    NO_CLUSTER_SCOPE,
    NO_WILDCARD,
    RESOURCES,
    PROBES,
    RETAINED,
)
