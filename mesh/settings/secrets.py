"""Secrets that a stack may set: registry credentials, certificates, an authority."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from mesh.kubernetes import server_certificate
from mesh.kubernetes.server_certificate import ServerCertificate

PULL_SECRET = "istio-registry"  # noqa: S105 - the name of a Secret


ENCRYPTED = "-----BEGIN ENCRYPTED-----"
"""Placeholder of the commands for a value that only Pulumi can decrypt; it passes for PEM."""


def _pem(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().lstrip().startswith("-----BEGIN "):
        raise ValueError("must be in PEM, from its -----BEGIN on")
    return value


Pem = Annotated[SecretStr, AfterValidator(_pem)]


class Credentials(BaseModel):
    """Account at an image registry."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    username: str = Field(min_length=1)
    password: SecretStr = Field(min_length=1)


class CertificateAuthority(BaseModel):
    """CA that signs the mesh's workload certificates, in the files that istiod looks for."""

    model_config = ConfigDict(
        alias_generator=lambda field: field.replace("_", "-") + ".pem", extra="forbid", frozen=True
    )

    ca_cert: Pem
    ca_key: Pem
    cert_chain: Pem
    root_cert: Pem


class GatewayCertificate(BaseModel):
    """Certificate of a gateway, under the keys of a Secret of the type kubernetes.io/tls."""

    model_config = ConfigDict(
        alias_generator=lambda field: field.replace("_", "."), extra="forbid", frozen=True
    )

    tls_crt: Pem
    """The certificate, and those between it and its CA's."""
    tls_key: Pem
    ca_crt: Pem | None = None
    """CA of the clients, for ports with mutual TLS."""

    def read(self) -> ServerCertificate | None:
        """Read the certificate; None for one that only Pulumi can decrypt.

        Raises ValueError when the certificate or its key can't be read.
        """
        chain, key = self.tls_crt.get_secret_value(), self.tls_key.get_secret_value()
        authority = self.ca_crt.get_secret_value() if self.ca_crt else None
        if authority not in (None, ENCRYPTED):
            try:
                server_certificate.certificates(authority)
            except ValueError as error:
                raise ValueError(f"{error} (ca.crt)") from error
        return None if ENCRYPTED in (chain, key) else server_certificate.read(chain, key)
