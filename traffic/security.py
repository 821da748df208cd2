"""Security between the pods: mutual TLS, denial by default, and hosts that no Service has."""

from mesh.bookinfo.services import HEALTH, MICROSERVICES, PORT, VERSIONS
from traffic import load
from traffic.load import OK, Target
from traffic.proof import Proof
from traffic.stack import Stack

SETTINGS = {"mtls": "strict", "denyByDefault": True, "outboundTrafficPolicy": "REGISTRY_ONLY"}
DENIED = 403
BAD_GATEWAY = 502
UNKNOWN = "192.0.2.1"
"""An address for documentation, which no Service has."""


async def check_permissive(stack: Stack, proof: Proof) -> None:
    """Check that pods answer plain text unless the stack forbids it."""
    proof.checks["permissive: plain text reaches every pod"] = await _plain_text(stack) == {OK}


async def check(stack: Stack, proof: Proof) -> None:
    """Check that SETTINGS are in force in every pod."""
    proof.checks["strict: plain text is refused by every pod"] = await _plain_text(stack) == {
        load.LOST
    }
    for caller in VERSIONS:
        [allowed] = (each.calls for each in MICROSERVICES if each.name == caller)
        wanted = {other: OK if other in allowed else DENIED for other in VERSIONS}
        at = stack.at(caller)
        got = {other: (await load.ask(stack.inside(other), at=at)).status for other in VERSIONS}
        whom = f"{' and '.join(allowed)} only" if allowed else "nobody"
        proof.checks[f"denied by default: {caller} is answered by {whom}"] = got == wanted
    unknown = Target(address=UNKNOWN, port=PORT, host=UNKNOWN)
    reply = await load.ask(unknown, at=stack.at("details"))
    sentence = "registry only: the sidecar refuses hosts that no Service has"
    proof.checks[sentence] = reply.status == BAD_GATEWAY


async def _plain_text(stack: Stack) -> set[int]:
    """Return the statuses of requests from where no sidecar is to each pod's own address."""
    targets = [
        Target(address=str(pod.status.podIP), port=PORT, host=name, path=HEALTH)
        for name, pod in stack.pods().items()
    ]
    return {(await load.ask(each, at=stack.at_node)).status for each in targets}
