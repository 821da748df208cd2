"""Check of NetworkPolicies: none keeps the API server or proxies from reaching istiod."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mesh.istio import versions
from meshctl.manifests.manifest import Manifest, key, labels_of
from meshctl.manifests.selection import matches, pods_with
from meshctl.sidecar_diff.live_pod import proxy_of
from meshctl.verify.snapshot import Finding, Snapshot

WEBHOOK, XDS = 15017, 15012
"""istiod's ports: the API server calls its webhooks at the one, proxies ask it at the other."""
CHECK = "network policy"

Rule = Mapping[str, Any]


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Follow both ways to each istiod: into its pods, and out of the pods with a proxy."""
    for istiod in snapshot.mesh.istiods:
        pods = pods_with({"app": "istiod"}, istiod.namespace or "", snapshot.pods)
        # The pods of a Deployment have the same labels: one stands for all.
        for pod in [each for each in pods if _is_of(each, istiod.name)][:1]:
            yield from _into(pod, snapshot)
    if not _is_early(snapshot):
        yield from _out(snapshot)


def _is_early(snapshot: Snapshot) -> bool:
    """Return whether all control planes are of releases before istiod, which have other ports."""
    running = [versions.parse(istiod.version or "") for istiod in snapshot.mesh.istiods]
    return bool(running) and all(parsed and parsed < versions.ISTIOD for parsed in running)


def _is_of(pod: Manifest, deployment: str) -> bool:
    return str(pod["metadata"].get("generateName") or pod["metadata"]["name"]).startswith(
        f"{deployment}-"
    )


def _into(istiod: Manifest, snapshot: Snapshot) -> Iterator[Finding]:
    policies = _selecting(istiod, snapshot.network_policies, "Ingress")
    if not policies:
        return
    rules = [rule for policy in policies for rule in policy["spec"].get("ingress") or ()]
    names = ", ".join(key(policy) for policy in policies)
    # The API server is no pod: only a rule for all, or for addresses, lets it in.
    to_webhook = [rule for rule in rules if _has_port(rule, WEBHOOK, istiod)]
    if not any(
        not rule.get("from") or any("ipBlock" in peer for peer in rule["from"])
        for rule in to_webhook
    ):
        found = (
            f"keeps the API server from port {WEBHOOK} of {key(istiod)}: no pod is injected, and "
            "objects of Istio can't be changed"
        )
        if to_webhook:
            found += ", unless it comes through pods, such as those of konnectivity"
        yield Finding(
            check=CHECK,
            subject=names,
            status="warning" if to_webhook else "wrong",
            found=found,
            remedy=_allow("ingress", WEBHOOK, "without `from`, or from the API server's ipBlock"),
        )
    labels = {each["metadata"]["name"]: labels_of(each) for each in snapshot.namespaces}
    to_xds = [rule for rule in rules if _has_port(rule, XDS, istiod)]
    shut = sorted(
        {
            pod["metadata"]["namespace"]
            for pod in snapshot.pods
            if proxy_of(pod["spec"])
            and not any(_lets_in(rule.get("from"), pod, labels, istiod) for rule in to_xds)
        }
    )
    if shut:
        yield Finding(
            check=CHECK,
            subject=names,
            status="wrong",
            found=f"keeps proxies in namespace {', '.join(shut)} from port {XDS} of "
            f"{key(istiod)}: they get no configuration and no certificate",
            remedy=_allow("ingress", XDS, "from all namespaces of the mesh"),
        )


def _out(snapshot: Snapshot) -> Iterator[Finding]:
    seen: set[str] = set()
    for pod in snapshot.pods:
        policies = _selecting(pod, snapshot.network_policies, "Egress")
        names = ", ".join(key(policy) for policy in policies)
        if not policies or names in seen or proxy_of(pod["spec"]) is None:
            continue
        seen.add(names)
        rules = [rule for policy in policies for rule in policy["spec"].get("egress") or ()]
        if not any(_has_port(rule, XDS, pod) or _names_port(rule) for rule in rules):
            yield Finding(
                check=CHECK,
                subject=names,
                status="wrong",
                found=f"keeps the proxy of {key(pod)} from port {XDS} of istiod: it gets no "
                "configuration and no certificate",
                remedy=_allow("egress", XDS, "to istiod's namespace"),
            )


def _selecting(pod: Manifest, policies: Sequence[Manifest], kind: str) -> list[Manifest]:
    """List the policies of one direction that select a pod."""
    return [
        policy
        for policy in policies
        if policy["metadata"]["namespace"] == pod["metadata"]["namespace"]
        and kind in (policy["spec"].get("policyTypes") or ["Ingress"])
        and matches(policy["spec"].get("podSelector"), labels_of(pod))
    ]


def _has_port(rule: Rule, number: int, pod: Manifest) -> bool:
    """Return whether a rule allows a TCP port, by its number, its name or a range."""
    ports = rule.get("ports") or ()
    names = {
        port.get("name")
        for container in pod["spec"].get("containers") or ()
        for port in container.get("ports") or ()
        if port.get("containerPort") == number
    }
    return not ports or any(
        port.get("protocol", "TCP") == "TCP"
        and (
            port.get("port") is None
            or port["port"] in names
            or (
                isinstance(port["port"], int)
                and port["port"] <= number <= port.get("endPort", port["port"])
            )
        )
        for port in ports
    )


def _names_port(rule: Rule) -> bool:
    """Return whether a rule has a port by its name: the pods that it leads to have its number."""
    return any(isinstance(port.get("port"), str) for port in rule.get("ports") or ())


def _lets_in(
    peers: Sequence[Rule] | None,
    pod: Manifest,
    labels: Mapping[str, Mapping[str, str]],
    istiod: Manifest,
) -> bool:
    """Return whether a rule's peers include a pod; `labels` are those of the namespaces."""
    namespace = pod["metadata"]["namespace"]
    return not peers or any(
        "ipBlock" in peer  # the pod's address may be in it
        or (
            (
                matches(peer["namespaceSelector"], labels.get(namespace, {}))
                if "namespaceSelector" in peer
                else namespace == istiod["metadata"]["namespace"]
            )
            and matches(peer.get("podSelector"), labels_of(pod))
        )
        for peer in peers
    )


def _allow(direction: str, port: int, peers: str) -> str:
    return f"add an {direction} rule for TCP port {port}, {peers}, to the NetworkPolicy"
