"""Pods whose images can't be pulled: the keeper says of them what a kubelet would."""

import re
from dataclasses import dataclass

import lightkube
from lightkube.models.core_v1 import Container
from lightkube.resources.core_v1 import Pod
from lightkube.types import PatchType

from sandbox.events import Events
from sandbox.keeper.servers import expecting
from sandbox.node import admission, status
from sandbox.node.container import Failure


@dataclass
class Images:
    """The pods that the admission policy marked as unpullable."""

    client: lightkube.Client
    events: Events
    is_policy_needed: bool
    """Whether nobody else creates the policy: in a sandbox whose pods are all objects."""

    def reconcile(self) -> None:
        """Write the statuses of such pods, and delete those that end."""
        if self.is_policy_needed:
            admission.apply(self.client, processes=False)
            self.is_policy_needed = False
        for pod in self.client.list(Pod, namespace="*"):
            if admission.mark(pod) != admission.UNPULLABLE or pod.spec.nodeName is None:
                continue
            name, namespace = str(pod.metadata.name), pod.metadata.namespace
            if pod.metadata.deletionTimestamp is not None:
                with expecting(404):
                    self.client.delete(Pod, name, namespace=namespace, grace_period=0)
                continue
            wanted = status.pending(pod, lambda spec, pod=pod: _why(pod, spec))
            if status.differs(pod.to_dict().get("status") or {}, wanted):
                self._tell(pod)
                with expecting(404):
                    self.client.patch(
                        *(Pod.Status, name, {"status": wanted}),
                        namespace=namespace,
                        patch_type=PatchType.STRATEGIC,
                    )

    def _tell(self, pod: Pod) -> None:
        for spec in (*(pod.spec.initContainers or []), *pod.spec.containers):
            why = _why(pod, spec)
            if why.reason != "PodInitializing":
                reason = "Failed" if why.reason == "ErrImagePull" else "BackOff"
                self.events.tell(pod, "Warning", reason, why.message)


def _why(pod: Pod, spec: Container) -> Failure:
    """Return why a container waits: for its image, at first with the error, then with pauses."""
    found = re.match(admission.UNPULLABLE_IMAGE, spec.image or "")
    if found is None:
        return Failure("PodInitializing", "another container's image can't be pulled")
    why = f"there is no registry {found[0].rstrip('/')}"
    known = pod.status and [
        *(pod.status.containerStatuses or []),
        *(pod.status.initContainerStatuses or []),
    ]
    if any(each.name == spec.name for each in known or []):
        return Failure("ImagePullBackOff", f'Back-off pulling image "{spec.image}": {why}')
    return Failure("ErrImagePull", f'Failed to pull image "{spec.image}": {why}')
