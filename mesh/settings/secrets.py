"""The stack's secrets, as the data of Kubernetes Secrets: never plain once they leave here."""

import base64
import json
from collections.abc import Mapping

import pulumi
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

PULL_SECRET = "istio-registry"  # noqa: S105 - the name of one
MYSQL_SECRET = "mysql-credentials"  # noqa: S105 - the name that the sample has for it
MYSQL_KEY = "rootpasswd"
CA_SECRET = "cacerts"  # noqa: S105 - the name that istiod looks for

Data = pulumi.Output[Mapping[str, str]]
"""The data of a Secret, which Pulumi keeps secret."""


class Credentials(BaseModel):
    """An account at a registry of images."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    username: str = Field(min_length=1)
    password: SecretStr = Field(min_length=1)


class CertificateAuthority(BaseModel):
    """The CA that signs the mesh's workload certificates, in the files that istiod looks for."""

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


def pull_secret(registries: Mapping[str, Credentials]) -> Data | None:
    """Make the data of a Secret to pull images with, from accounts by the registry's server."""
    if not registries:
        return None
    auths = {
        server: {
            "username": account.username,
            "password": account.password.get_secret_value(),
            "auth": _base64(f"{account.username}:{account.password.get_secret_value()}"),
        }
        for server, account in registries.items()
    }
    return pulumi.Output.secret({".dockerconfigjson": _base64(json.dumps({"auths": auths}))})


def ca_secret(authority: CertificateAuthority | None) -> Data | None:
    """Make the data of the Secret that istiod takes its CA from."""
    if authority is None:
        return None
    files = {
        field.alias: _base64(getattr(authority, name).get_secret_value())
        for name, field in CertificateAuthority.model_fields.items()
        if field.alias
    }
    return pulumi.Output.secret(files)


def mysql_secret(password: SecretStr | None) -> Data | None:
    """Make the data of the Secret with the password of Bookinfo's MySQL."""
    if password is None:
        return None
    return pulumi.Output.secret({MYSQL_KEY: _base64(password.get_secret_value())})


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
