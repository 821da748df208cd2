"""Names of Istio's Gateways, as the `gateways` of a VirtualService have them."""


def full(name: str, namespace: str) -> tuple[str, str]:
    """Return a Gateway's namespace and name; `namespace` is the VirtualService's.

    Istio takes NAMESPACE/NAME, ./NAME and NAME, and still NAME.NAMESPACE.svc.cluster.local
    (pilot/pkg/model/config.go).
    """
    place, slash, rest = name.partition("/")
    if slash:
        return (namespace if place == "." else place), rest
    short, _, rest = name.partition(".")
    return rest.partition(".")[0] or namespace, short
