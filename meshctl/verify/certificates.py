"""Checks of the mesh's root certificates: istiod has loaded the stack's, and pods trust them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from mesh.istio.certificates import CONFIG_MAP, KEY, roots_of, short
from mesh.kubernetes import server_certificate
from mesh.settings.schema import Settings
from meshctl.manifests.manifest import Manifest, key, namespace_of
from meshctl.sidecar_diff.live_pod import proxy_of
from meshctl.verify.pods import restart
from meshctl.verify.snapshot import Finding, Snapshot, Status

LIFETIME = timedelta(hours=24)
"""How long a workload's certificate is valid (istiod's DEFAULT_WORKLOAD_CERT_TTL): by then every
proxy has a new one, and the roots that came with it."""


def check(snapshot: Snapshot, settings: Settings) -> Iterator[Finding]:
    """Compare the mesh's roots with the stack's, and list pods that started before they changed."""
    found = snapshot.root_certificates.get(settings.istio_namespace)
    if found is None:
        return
    trusted = roots_of(found)
    for istiod in snapshot.mesh.istiods:
        if istiod.control_plane_namespace != settings.istio_namespace or not istiod.roots:
            continue
        if set(istiod.roots) == set(trusted):
            yield Finding(
                check="certificates",
                subject=istiod.name,
                status="ok",
                found=f"the mesh trusts the stack's root certificate {short(trusted)}",
            )
        else:
            yield Finding(
                check="certificates",
                subject=istiod.name,
                status="wrong",
                found=f"the mesh trusts {short(trusted)}, the stack's cacerts has "
                f"{short(istiod.roots)}: istiod hasn't loaded it",
                remedy=f"kubectl rollout restart deployment/{istiod.name} "
                f"-n {settings.istio_namespace}",
            )
    yield from _outdated(snapshot, found)


def roots(snapshot: Snapshot) -> Iterator[Finding]:
    """Check that the root certificates that proxies trust haven't ended, and don't end soon."""
    for namespace, found in snapshot.root_certificates.items():
        whose = "" if len(snapshot.root_certificates) == 1 else f" of {namespace}"
        yield _root(f"root certificate{whose}", found, snapshot)


def _root(subject: str, published: Manifest, snapshot: Snapshot) -> Finding:
    bundle = (published.get("data") or {}).get(KEY, "")
    now = server_certificate.now()
    status: Status = "wrong"
    try:
        ends = [each.not_valid_after_utc for each in server_certificate.certificates(bundle)]
    except ValueError as error:
        found = f"ConfigMap {CONFIG_MAP} {error}"
    else:
        end, last = min(ends), max(ends)
        if last < now:
            found = f"ended on {last:%Y-%m-%d %H:%M} UTC: proxies refuse each other's certificates"
        elif end < now:  # the others may be those that sign
            status = "warning"
            found = (
                f"is {len(ends)} certificates, and one ended on {end:%Y-%m-%d %H:%M} UTC: proxies "
                "refuse what it signed"
            )
        elif end < now + server_certificate.SOON:
            status = "warning"
            found = f"ends on {end:%Y-%m-%d %H:%M} UTC, within {server_certificate.SOON.days} days"
        else:
            status, found = "ok", f"is valid until {end:%Y-%m-%d}"
    istiods = [each for each in snapshot.mesh.istiods if each.namespace == namespace_of(published)]
    restarts = "; ".join(
        f"kubectl rollout restart deployment/{each.name} -n {each.namespace}" for each in istiods
    )
    remedy = (
        "replace the mesh's CA (docs/security.md): Secret cacerts with a new root, or without one "
        f"delete Secret istio-ca-secret; then {restarts or 'restart istiod'}, and all pods with a "
        "proxy"
    )
    return Finding(
        check="certificates",
        subject=subject,
        status=status,
        found=found,
        remedy="" if status == "ok" else remedy,
    )


def _outdated(snapshot: Snapshot, found: Manifest) -> Iterator[Finding]:
    """List pods whose proxy started before the roots changed, while its certificate is valid."""
    changed = _changed(found)
    if changed is None or datetime.now(UTC) - changed > LIFETIME:
        return
    for pod in snapshot.pods:
        started = pod.get("status", {}).get("startTime")
        if started is not None and proxy_of(pod["spec"]) and _time(started) < changed:
            yield Finding(
                check="certificates",
                subject=key(pod),
                status="warning",
                found="started before the mesh's root certificates changed at "
                f"{changed:%Y-%m-%d %H:%M} UTC, and may not trust the new ones",
                remedy=restart(pod, snapshot.mesh),
            )


def _changed(found: Manifest) -> datetime | None:
    """Return when the roots changed; None when they never did: istiod wrote them once."""
    metadata = found["metadata"]
    times = [_time(each["time"]) for each in metadata.get("managedFields") or () if "time" in each]
    created = metadata.get("creationTimestamp")
    latest = max(times, default=None)
    if latest is None or created is None or latest <= _time(created):
        return None
    return latest


def _time(value: str | datetime) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)
