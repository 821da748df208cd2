"""A canary upgrade of the control plane, and routes that somebody changed, while requests flow."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightkube.generic_resource import create_namespaced_resource
from lightkube.types import PatchType

from mesh.bookinfo.services import FRONT
from traffic import security
from traffic.flows import flowing
from traffic.load import Job, send
from traffic.proof import Proof
from traffic.stack import ISTIO_NAMESPACE, NAMESPACE, PAGE, Stack

TAG, NEW = "prod", "new"
"""The revision tag of all pods (in Pulumi.traffic.yaml), and the canary's revision."""
REVISION = "istio.io/rev"
"""The annotation of a pod with the revision that injected it."""
WRONG = "v2"
FEW = 100
ENDING = "details"
"""The service of which some pods end; productpage, which doesn't move then, asks it."""
WORKERS = 5

VirtualService = create_namespaced_resource(
    "networking.istio.io", "v1", "VirtualService", "virtualservices"
)


async def drift(stack: Stack, proof: Proof) -> None:
    """Send everybody's requests to another version, as somebody with kubectl may."""
    route = {"destination": {"host": "reviews", "subset": WRONG}}
    changed = {"spec": {"http": [{"route": [route]}]}}
    stack.client.patch(
        *(VirtualService, "reviews", changed),
        namespace=NAMESPACE,
        patch_type=PatchType.MERGE,
    )
    await stack.settle()
    replies = []
    job = Job(target=stack.inside("reviews"), count=FEW)
    await send(job, replies.append, at=stack.at(FRONT))
    is_so = {reply.version for reply in replies} == {WRONG}
    proof.checks["drift: what somebody made of the routes is in force"] = is_so


@dataclass(frozen=True)
class Upgrade:
    """The upgrade from an old release to the stack's own."""

    version: str
    """The stack's own release."""
    old: Path | None
    """The old release's folder, named by its version; None = it is the same release."""

    @property
    def before(self) -> dict[str, Any]:
        """The settings of the old control plane; Pulumi.traffic.yaml has its revision."""
        if self.old is None:
            return {}
        return {"istioVersion": self.old.name, "releaseDir": str(self.old.resolve())}

    @property
    def beside(self) -> dict[str, Any]:
        """The settings of the new control plane next to the old one, and of more pods."""
        return {
            "canary": {"revision": NEW, "istioVersion": self.version},
            "bookinfoServices": {ENDING: {"replicas": 3}},
        }

    @property
    def own(self) -> dict[str, Any]:
        """The settings of the new control plane alone; pods that are one too many end."""
        gone = dict.fromkeys(("releaseDir", "canary", "bookinfoServices"))
        return {"revision": NEW, "istioVersion": self.version, **gone}

    async def move(self, stack: Stack, proof: Proof) -> None:
        """Move the gateway and Bookinfo to the new control plane, and put the routes back."""
        change = "all pods moved to the canary and routes were put back"
        await _up(stack, proof, change, "--refresh", revisionTags={TAG: NEW})
        pods = {**stack.pods(), **stack.pods(ISTIO_NAMESPACE, istio="ingressgateway")}
        marks = {(pod.metadata.annotations or {}).get(REVISION) for pod in pods.values()}
        proof.checks["canary: it has injected every pod"] = marks == {NEW}

    async def promote(self, stack: Stack, proof: Proof) -> None:
        """Remove the old control plane and some pods, and switch security on."""
        change = "the old control plane and some pods were removed and security was switched on"
        some = flowing(proof, change, stack.inside(ENDING), at=stack.at(FRONT), workers=WORKERS)
        async with some:
            await _up(stack, proof, change, **self.own, **security.SETTINGS)
        gone = stack.istiods == [f"istiod-{NEW}"]
        proof.checks["canary: the old control plane is gone"] = gone


async def _up(stack: Stack, proof: Proof, change: str, *options: str, **settings: Any) -> None:
    """Deploy while pages are asked for: they need all services."""
    page = stack.entry(PAGE)
    async with flowing(proof, change, page), flowing(proof, change, page, reconnects=True):
        await stack.deploy(*options, **settings)
        await stack.settle()
