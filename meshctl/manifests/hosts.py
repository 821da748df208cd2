"""Hosts as Istio's objects name them, and the Services that they stand for."""


def full(host: str, namespace: str, domain: str) -> str:
    """Return a host as Istio completes it: only one without a dot is a Service's short name.

    `namespace` is that of the object which names it, `domain` is the cluster's.
    """
    is_short = "." not in host and "*" not in host
    return of_service(host, namespace, domain) if is_short else host


def of_service(name: str, namespace: str, domain: str) -> str:
    """Return the host of a Service."""
    return f"{name}.{namespace}.svc.{domain}"


def service_of(host: str, domain: str) -> tuple[str, str] | None:
    """Return the namespace and the name of the Service that a full host stands for, or None."""
    name, _, namespace = host.removesuffix(f".svc.{domain}").partition(".")
    is_service = host.endswith(f".svc.{domain}") and "." not in namespace and "*" not in name
    return (namespace, name) if is_service and namespace else None


def covers(pattern: str, host: str) -> bool:
    """Return whether a host, which may have a wildcard, includes another."""
    return pattern == host or (pattern.startswith("*") and host.endswith(pattern[1:]))
