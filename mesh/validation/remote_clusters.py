"""The other clusters of a mesh: their contracts, read from the outputs of their stacks."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from mesh.istio.certificates import fingerprints, short
from mesh.istio.remote_clusters import RemoteCluster, kubeconfig
from mesh.settings.cluster_contract import CONTRACT, OUTPUT, ClusterContract
from mesh.settings.schema import Settings
from mesh.validation.mistake import Mistake, refuse
from mesh.validation.platform import engine_outputs

Outputs = Mapping[str, Any]


def find(
    settings: Settings, outputs_of: Callable[[str], Outputs] = engine_outputs
) -> list[RemoteCluster]:
    """Return the other clusters. Raises pulumi.RunError, with every mistake in one message.

    `outputs_of` reads a stack's outputs, and fails with the reason as its message.
    """
    mistakes: list[Mistake] = []
    found = [
        RemoteCluster(name=name, kubeconfig=given.get_secret_value())
        for name, given in settings.remote_kubeconfigs.items()
    ]
    for name, stack in settings.remote_clusters.items():
        contract = _read(("remoteClusters", name), stack, outputs_of)
        if isinstance(contract, Mistake):
            mistakes.append(contract)
            continue
        mistakes += [
            Mistake(("remoteClusters", name), rule, stack)
            for rule in _misfits(settings, name, stack, contract)
        ]
        if contract.access is not None:
            text = kubeconfig(name, contract.access)
            found.append(RemoteCluster(name=name, kubeconfig=text, contract=contract))
    if mistakes:
        refuse(mistakes)
    return found


def find_control_plane(
    settings: Settings, outputs_of: Callable[[str], Outputs] = engine_outputs
) -> Settings:
    """Return the settings with the address of the istiod that serves this cluster.

    Raises pulumi.RunError, with every mistake in one message.
    """
    serving = settings.remote_control_plane
    if serving is None or serving.stack is None:
        return settings
    key = ("remoteControlPlane", "stack")
    contract = _read(key, serving.stack, outputs_of)
    if isinstance(contract, Mistake):
        refuse([contract])
    rules = []
    if contract.cluster_name != serving.cluster:
        rules.append(f"has another name: that stack's clusterName is {contract.cluster_name}")
    if contract.mesh_id != settings.mesh_id:
        rules.append(_other_mesh(settings, contract))
    if contract.istio_namespace != settings.istio_namespace:
        rules.append(f"has its istiod in namespace {contract.istio_namespace}: set istioNamespace")
    if contract.istiod_address is None:
        rules.append(
            "is a cluster whose istiod serves no others: pulumi config set externalIstiod true "
            f"--stack {serving.stack}, then pulumi up --stack {serving.stack}"
        )
    if rules:
        refuse([Mistake(key, rule, serving.stack) for rule in rules])
    found = serving.model_copy(update={"address": contract.istiod_address})
    return settings.model_copy(update={"remote_control_plane": found})


def named(settings: Settings) -> list[RemoteCluster]:
    """Return the other clusters by name only, for a stack that is rendered without a backend.

    Raises pulumi.RunError when the render would need to ask one.
    """
    if settings.remote_control_plane and settings.remote_control_plane.stack:
        rule = "can't be asked for its address in a render: set remoteControlPlane.address instead"
        at = ("remoteControlPlane", "stack")
        refuse([Mistake(at, rule, settings.remote_control_plane.stack)])
    names = (*settings.remote_kubeconfigs, *settings.remote_clusters)
    return [RemoteCluster(name=name, kubeconfig="") for name in names]


def _read(
    key: tuple[str, str], stack: str, outputs_of: Callable[[str], Outputs]
) -> ClusterContract | Mistake:
    """Read a stack's contract, named at a place of the config."""
    remedy = (
        f"deploy it first, without its own remoteClusters: pulumi up --stack {stack}; or take it "
        f"out: pulumi config rm --path {'.'.join(key)}"
    )
    try:
        outputs = outputs_of(stack)
    except Exception as error:  # noqa: BLE001 - the engine raises plain ones
        reason = str(error).rpartition("error: ")[2]
        return Mistake(key, f"is a stack that can't be read: {reason}; {remedy}", stack)
    if not outputs:
        return Mistake(key, f"is a stack that has nothing deployed; {remedy}", stack)
    if OUTPUT not in outputs:
        rule = (
            "is a stack without a cluster's name, which others need: pulumi config set clusterName "
            f"NAME --stack {stack}, then pulumi up --stack {stack}"
        )
        return Mistake(key, rule, stack)
    offered = outputs[OUTPUT]
    # Pulumi stores numbers as floats.
    if offered.get("contract") != CONTRACT:
        rule = (
            f"is of another version of this program: its contract is {offered.get('contract')}, "
            f"and this one's {CONTRACT}; deploy both with the same version"
        )
        return Mistake(key, rule, stack)
    try:
        return ClusterContract.model_validate(offered)
    except ValidationError as error:
        wrong = ", ".join(".".join(map(str, detail["loc"])) for detail in error.errors())
        return Mistake(key, f"has an output {OUTPUT} that differs in {wrong}; {remedy}", stack)


def _misfits(settings: Settings, name: str, stack: str, contract: ClusterContract) -> Iterator[str]:
    """List why a cluster can't be in this mesh."""
    if contract.cluster_name == settings.cluster_name:
        yield (
            f"is a cluster of this one's name, {settings.cluster_name}, and istiod ignores it: "
            "give each cluster a clusterName of its own"
        )
    elif contract.cluster_name != name:
        yield f"has another name: that stack's clusterName is {contract.cluster_name}"
    if contract.mesh_id != settings.mesh_id:
        yield _other_mesh(settings, contract)
    if contract.istio_namespace != settings.istio_namespace:
        yield (
            f"has its istiod in namespace {contract.istio_namespace}, and must have the same "
            f"istioNamespace as this stack, {settings.istio_namespace}: istiod looks there for the "
            "other cluster's network"
        )
    if contract.control_plane == settings.cluster_name and not settings.external_istiod:
        yield (
            "is a cluster that this one's istiod is to serve: pulumi config set externalIstiod true"
        )
    yield from _roots(settings, contract)
    yield from _networks(settings, contract)
    if contract.access is None:
        yield (
            "is a cluster that has no clusterAccess for others: pulumi config set --path "
            f"'clusterAccess.tokens[0]' a --stack {stack}, then pulumi up --stack {stack}"
        )


def _other_mesh(settings: Settings, contract: ClusterContract) -> str:
    return (
        f"is of another mesh, {contract.mesh_id or 'without a meshId'}: set the same meshId in "
        f"both stacks; this one's is {settings.mesh_id}"
    )


def _roots(settings: Settings, contract: ClusterContract) -> Iterator[str]:
    """Compare the roots that the stacks set; a mesh may have a CA outside of the clusters, too."""
    if contract.control_plane:
        return  # no istiod of its own
    own = settings.cacerts
    if own is None and not contract.root_certificates:
        if not has_own_ca(settings):
            return
        yield (
            "is a cluster whose istiod signs with a root of its own, as this one's does, and "
            "proxies would refuse each other: set cacerts in both, with intermediates of one root "
            "(docs/several-clusters.md)"
        )
        return
    roots = fingerprints(own.root_cert.get_secret_value()) if own else ()
    if not set(roots) & set(contract.root_certificates):
        yield (
            f"has the root certificate {short(contract.root_certificates)}, this stack has "
            f"{short(roots)}, and proxies would refuse each other: set cacerts in both, with "
            "the same root-cert.pem (docs/several-clusters.md)"
        )


def has_own_ca(settings: Settings) -> bool:
    """Return whether istiod signs with a root that it makes itself."""
    common = settings.values.istiod.get("global") or {}
    return settings.cacerts is None and not common.get("caAddress")


def _networks(settings: Settings, contract: ClusterContract) -> Iterator[str]:
    if contract.network == settings.network:
        return
    if contract.network is None or settings.network is None:
        yield (
            f"is in network {contract.network or 'none'}, this one in {settings.network or 'none'}:"
            " set network in all clusters of the mesh, or in none"
        )
        return
    # Without an istiod of its own it can't have one before this cluster serves it.
    if not contract.has_east_west_gateway and contract.control_plane is None:
        yield (
            f"is in another network, {contract.network}, and has no gateway for requests from "
            "this one: add {direction: east-west} to its gateways"
        )
    if not settings.east_west:
        yield (
            f"is in another network, {contract.network}, and this stack has no gateway for "
            "requests from there: add {direction: east-west} to its gateways"
        )
