"""Secrets that a stack may set: registry credentials, and a certificate authority."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

PULL_SECRET = "istio-registry"  # noqa: S105 - the name of a Secret


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

    ca_cert: SecretStr
    ca_key: SecretStr
    cert_chain: SecretStr
    root_cert: SecretStr

    @field_validator("*")
    @classmethod
    def _is_pem(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().lstrip().startswith("-----BEGIN "):
            raise ValueError("must be in PEM, from its -----BEGIN on")
        return value
