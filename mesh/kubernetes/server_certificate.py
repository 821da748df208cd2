"""A server's certificate with its key, as a Secret of the type kubernetes.io/tls holds them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

SOON = timedelta(days=30)
"""Time before its end in which a certificate should be renewed; cert-manager's own default."""
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class ServerCertificate:
    """Facts of a certificate: its host names, when it begins and ends, whether its key fits."""

    dns_names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    key_fits: bool

    def covers(self, host: str) -> bool:
        """Return whether it is valid for a host; a wildcard stands for one label (RFC 6125)."""
        return covers(self.dns_names, host)

    def faults(self, host: str | None, now: datetime) -> Iterator[str]:
        """List what is wrong with it, for a host and at a time."""
        if not self.key_fits:
            yield "has a certificate and a key that don't belong together"
        if host is not None and not self.covers(host):
            names = ", ".join(self.dns_names) or "no DNS name (subjectAltName)"
            yield f"has a certificate for {names}, not for {host}"
        if self.not_after < now:
            yield f"has a certificate that ended on {self.not_after:%Y-%m-%d %H:%M} UTC"
        elif self.not_before > now:
            yield (
                f"has a certificate that begins on {self.not_before:%Y-%m-%d %H:%M} UTC only; this "
                f"machine's clock says {now:%Y-%m-%d %H:%M} UTC"
            )

    def ends_soon(self, now: datetime) -> str | None:
        """Return when it ends, if that is within 30 days; None for one that has ended."""
        if not now <= self.not_after < now + SOON:
            return None
        return f"ends on {self.not_after:%Y-%m-%d %H:%M} UTC, within {SOON.days} days"


def read(chain: str, key: str) -> ServerCertificate:
    """Read the first certificate of a chain in PEM, and compare it with a key.

    Raises ValueError when either can't be read, with the reason.
    """
    # 0.1 s, and most stacks have no certificate.
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    certificate, *_ = certificates(chain)
    try:
        private = serialization.load_pem_private_key(key.encode(), password=None)
        der = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        own = private.public_key().public_bytes(*der)
        return _facts(certificate, key_fits=own == certificate.public_key().public_bytes(*der))
    except TypeError as error:
        raise ValueError("has a key with a passphrase, which istiod can't enter") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("has a key that can't be read") from error


def certificates(chain: str) -> list[Any]:
    """Read all certificates in PEM. Raises ValueError when there is none, or a broken one."""
    from cryptography import x509  # noqa: PLC0415

    if CERTIFICATE.search(chain) is None:
        raise ValueError("holds no certificate in PEM")
    try:
        return x509.load_pem_x509_certificates(chain.encode())
    except ValueError as error:
        raise ValueError(f"holds a certificate that can't be read: {error}") from error


def served(certificate: bytes) -> ServerCertificate:
    """Read a certificate in DER from a handshake, which proves that the server has its key.

    Raises ValueError when it can't be read.
    """
    from cryptography import x509  # noqa: PLC0415

    return _facts(x509.load_der_x509_certificate(certificate), key_fits=True)


def _facts(certificate: Any, *, key_fits: bool) -> ServerCertificate:
    from cryptography import x509  # noqa: PLC0415

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        dns_names = tuple(names.value.get_values_for_type(x509.DNSName))
    except x509.ExtensionNotFound:
        dns_names = ()
    return ServerCertificate(
        dns_names=dns_names,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key_fits=key_fits,
    )


def covers(dns_names: Sequence[str], host: str) -> bool:
    """Return whether a certificate with these names is valid for a host."""
    one_label_up = f"*.{host.partition('.')[2]}"
    return bool({host.lower(), one_label_up.lower()} & {name.lower() for name in dns_names})


def now() -> datetime:
    """Return the time that certificates are compared with."""
    return datetime.now(UTC)
