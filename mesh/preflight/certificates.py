"""Changes of the mesh's CA, which running pods don't pick up until they restart."""

from collections.abc import Iterator

from lightkube import Client

from mesh.istio.certificates import fingerprints, published, roots_of, short
from mesh.istio.running_mesh import RunningMesh
from mesh.settings.schema import Settings

PROCEDURE = 'docs/security.md, "Another CA", has the steps that lose no request'


def changes(client: Client, running: RunningMesh, settings: Settings) -> Iterator[str]:
    """Describe how a change of the mesh's root certificates affects running pods."""
    had = any(istiod.roots for istiod in running.istiods)
    if settings.cacerts is None and not had:
        return
    trusted = roots_of(published(client, settings.istio_namespace))
    if not trusted:  # no mesh yet
        return
    if settings.cacerts is None:
        yield (
            "the mesh's CA is no longer set: istiod restarts and makes one itself, and sidecars "
            "that run don't trust it until their pods restart; the Secret is emptied now, and "
            f"deleted by the next update; {PROCEDURE}"
        )
        return
    wanted = fingerprints(settings.cacerts.root_cert.get_secret_value())
    added, dropped = set(wanted) - set(trusted), set(trusted) - set(wanted)
    if added and dropped == set(trusted):
        yield (
            f"the mesh's root certificate changes from {short(trusted)} to {short(wanted)}, "
            "with no root in common: istiod restarts, and sidecars that run and those that start "
            f"later refuse each other's requests until all pods have restarted; {PROCEDURE}"
        )
    elif added:
        yield (
            f"the mesh trusts another root certificate, too: {short(tuple(sorted(added)))}. Pods "
            "trust it when they have restarted; `make verify` lists those that haven't"
        )
    elif dropped:
        yield (
            f"the mesh stops trusting the root certificate {short(tuple(sorted(dropped)))}: "
            "first restart the pods whose certificates it signed; `make verify` lists pods that "
            "haven't restarted since the mesh's root certificates changed last"
        )
