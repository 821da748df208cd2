"""Remedies for what keeps pods from running, by the words of Kubernetes."""

import re

WEBHOOK = "failed calling webhook"  # how the message begins in every version of the API server
SERVICE = r"[\w-]+\.([\w-]+)\.svc\b"
"""The host of a webhook that is a Service, with its namespace."""
FULL = "Too many pods|Insufficient |OutOf|didn't have enough resource"
"""How the scheduler and the kubelet say that a node is full."""
PULL = "ErrImagePull|ImagePullBackOff|InvalidImageName|ErrImageNeverPull|ImageInspectError"
"""The kubelet's reasons for a container without its image."""
REMEDIES = (
    (
        rf"{WEBHOOK}.*https://(?!{SERVICE})",
        "the webhook doesn't answer, and runs elsewhere; whose it is: kubectl get "
        "validatingwebhookconfigurations,mutatingwebhookconfigurations",
    ),
    (
        WEBHOOK,
        "the webhook doesn't answer. Check its pods: kubectl get pods --namespace {webhook}",
    ),
    (
        "exceeded quota",
        "raise the quota, or ask for less (bookinfoReplicas, bookinfoResources): "
        "kubectl describe quota --namespace {namespace}",
    ),
    (
        "violates PodSecurity",
        "the namespace's Pod Security level is too strict: "
        "kubectl get namespace {namespace} --show-labels",
    ),
    (
        PULL,
        "check the image's name and tag (hub, tag, bookinfoHub, bookinfoTag) and the registry's "
        "account (registryCredentials): kubectl describe pod --namespace {namespace} {pod}",
    ),
    (FULL, "the nodes are full: add a node, or ask for less: kubectl describe nodes"),
    (
        "nodes are available",
        "no node fits the pod: compare its nodeSelector, affinity and tolerations with "
        "kubectl get nodes --show-labels",
    ),
    (
        "CrashLoopBackOff|exit code",
        "see what the container printed: "
        "kubectl logs --namespace {namespace} {pod} --all-containers --previous",
    ),
    (
        "CreateContainer|RunContainerError|FailedMount|FailedAttachVolume|Unhealthy|timed out",
        "see the pod's events: kubectl describe pod --namespace {namespace} {pod}",
    ),
)
"""Patterns of messages, each with what to do; the first one that is found counts."""


def remedy(message: str, *, namespace: str, pod: str = "", istio_namespace: str) -> str:
    """Return what to do about a message of Kubernetes; empty if nothing is known."""
    for pattern, what in REMEDIES:
        if re.search(pattern, message):
            service = re.search(f"https://{SERVICE}", message)
            return what.format(
                namespace=namespace or "NAMESPACE",
                pod=pod,
                webhook=service[1] if service else istio_namespace,
            ).rstrip()
    return ""
