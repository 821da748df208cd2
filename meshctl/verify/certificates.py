"""Checks of the mesh's root certificates: istiod has loaded the stack's, and pods trust them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from mesh.istio.certificates import CONFIG_MAP, KEY, roots_of, short
from mesh.kubernetes import server_certificate
from mesh.settings.schema import Settings
from meshctl.sidecar_diff.live_pod import proxy_of
from meshctl.verify.pods import restart
from meshctl.verify.snapshot import Finding, Manifest, Snapshot, Status, key

LIFETIME = timedelta(hours=24)
"""How long a workload's certificate is valid (istiod's DEFAULT_WORKLOAD_CERT_TTL): by then every
proxy has a new one, and the roots that came with it."""


def check(snapshot: Snapshot, settings: Settings) -> Iterator[Finding]:
    """Compare the mesh's roots with the stack's, and list pods that started before they changed."""
    found = snapshot.root_certificates
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
    if snapshot.root_certificates is None:
        return
    bundle = (snapshot.root_certificates.get("data") or {}).get(KEY, "")
    now = server_certificate.now()
    try:
        ends = [each.not_valid_after_utc for each in server_certificate.certificates(bundle)]
    except ValueError as error:
        yield _root("wrong", f"ConfigMap {CONFIG_MAP} {error}", snapshot)
        return
    end = min(ends)
    if max(ends) < now:
        found = f"ended on {max(ends):%Y-%m-%d %H:%M} UTC: proxies refuse each other's certificates"
        yield _root("wrong", found, snapshot)
    elif end < now:  # the others may be those that sign
        found = (
            f"is {len(ends)} certificates, and one ended on {end:%Y-%m-%d %H:%M} UTC: proxies "
            "refuse what it signed"
        )
        yield _root("warning", found, snapshot)
    elif end < now + server_certificate.SOON:
        found = f"ends on {end:%Y-%m-%d %H:%M} UTC, within {server_certificate.SOON.days} days"
        yield _root("warning", found, snapshot)
    else:
        yield Finding(
            check="certificates",
            subject="root certificate",
            status="ok",
            found=f"is valid until {end:%Y-%m-%d}",
        )


def _root(status: Status, found: str, snapshot: Snapshot) -> Finding:
    istiods = [each for each in snapshot.mesh.istiods if each.namespace]
    restarts = "; ".join(
        f"kubectl rollout restart deployment/{each.name} -n {each.namespace}" for each in istiods
    )
    return Finding(
        check="certificates",
        subject="root certificate",
        status=status,
        found=found,
        remedy="replace the mesh's CA (docs/security.md): Secret cacerts with a new root, or "
        f"without one delete Secret istio-ca-secret; then {restarts or 'restart istiod'}, and all "
        "pods with a proxy",
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
