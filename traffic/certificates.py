"""Certificates and keys, made for a proof or a test and used nowhere else."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Pair:
    """A certificate with its key, both in PEM; with an authority's pair, others can be signed."""

    certificate: str
    key: str

    @property
    def secret(self) -> dict[str, str]:
        """The pair under the keys of a Secret."""
        return {"tls.crt": self.certificate, "tls.key": self.key}


def authority(name: str = "a CA") -> Pair:
    """Make a CA of its own."""
    return make(name=name, days=365, is_ca=True)


def make(
    *dns_names: str,
    by: Pair | None = None,
    days: float = 90,
    name: str = "a server",
    is_ca: bool = False,
) -> Pair:
    """Make a certificate for some hosts that ends in some days, signed by a CA or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = x509.load_pem_x509_certificate(by.certificate.encode()).subject if by else subject
    signer = serialization.load_pem_private_key(by.key.encode(), None) if by else key
    assert isinstance(signer, ec.EllipticCurvePrivateKey)  # noqa: S101 - all keys here are
    end = datetime.now(UTC) + timedelta(days=days)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(end, datetime.now(UTC)) - timedelta(days=1))
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )
    if dns_names:
        names = x509.SubjectAlternativeName([x509.DNSName(each) for each in dns_names])
        builder = builder.add_extension(names, critical=False)
    signed = builder.sign(signer, hashes.SHA256())
    pem = serialization.Encoding.PEM
    return Pair(
        signed.public_bytes(pem).decode(),
        key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
    )
