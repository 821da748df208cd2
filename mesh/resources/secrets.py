"""The data of Kubernetes Secrets, made from a stack's secret settings and kept secret by Pulumi."""

import base64
import hashlib
import json
from collections.abc import Mapping

import pulumi

from mesh.settings.bookinfo_database import Database
from mesh.settings.schema import Settings
from mesh.settings.secrets import CertificateAuthority, GatewayCertificate

DATABASES: Mapping[Database, tuple[str, str]] = {
    "mysql": ("mysql-credentials", "rootpasswd"),  # the names that the sample has for them
    "mongodb": ("mongodb-credentials", "url"),
}
"""Name of the Secret with the database's password, and its key."""
PASSWORD_MARK = "mesh.pulumi.com/password-mark"  # noqa: S105 - an annotation
CA_SECRET = "cacerts"  # noqa: S105 - the name that istiod looks for

Data = pulumi.Output[Mapping[str, str]]
"""The data of a Secret."""


def pull_secret(settings: Settings) -> Data | None:
    """Return the data of the image pull secret; None for a stack without registry credentials."""
    if not settings.registry_credentials:
        return None
    auths = {
        server: {
            "username": account.username,
            "password": account.password.get_secret_value(),
            "auth": _base64(f"{account.username}:{account.password.get_secret_value()}"),
        }
        for server, account in settings.registry_credentials.items()
    }
    return pulumi.Output.secret({".dockerconfigjson": _base64(json.dumps({"auths": auths}))})


def ca_secret(settings: Settings) -> Data | None:
    """Return the data of the Secret with istiod's CA; None where istiod makes a CA itself."""
    if settings.cacerts is None:
        return None
    return pulumi.Output.secret(_files(settings.cacerts))


def gateway_certificate(settings: Settings, name: str) -> Data:
    """Return the data of a Secret with the certificate of a gateway."""
    return pulumi.Output.secret(_files(settings.gateway_certificates[name]))


def database_secret(settings: Settings) -> Data | None:
    """Return the data of the Secret with the password of Bookinfo's database; None without one."""
    text = _database_text(settings)
    if text is None or settings.bookinfo_ratings is None:
        return None
    _, key = DATABASES[settings.bookinfo_ratings]
    return pulumi.Output.secret({key: _base64(text)})


def _database_text(settings: Settings) -> str | None:
    """Return what the Secret holds: MySQL's password, or MongoDB's URL with the password in it."""
    given = settings.bookinfo_mysql_password or settings.bookinfo_mongodb_password
    if given is None:
        return None
    if settings.bookinfo_ratings == "mongodb" and settings.bookinfo_database is not None:
        return settings.bookinfo_database.mongodb_url(given.get_secret_value())
    return given.get_secret_value()


def password_mark(settings: Settings) -> dict[str, str]:
    """Return an annotation that changes with the Secret, and so restarts the pods that read it.

    The hash is slow and salted: anybody who can read the pods could guess the password otherwise.
    """
    password = _database_text(settings)
    if password is None or settings.bookinfo_ratings is None:
        return {}
    name, _ = DATABASES[settings.bookinfo_ratings]
    salt = f"{settings.bookinfo_namespace}/{name}".encode()
    digest = hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1, dklen=8)
    return {PASSWORD_MARK: digest.hex()}


def _files(given: CertificateAuthority | GatewayCertificate) -> dict[str, str]:
    """Return the files of a setting under their keys in a Secret, without those that aren't set."""
    return {
        field.alias: _base64(file.get_secret_value())
        for name, field in type(given).model_fields.items()
        if field.alias and (file := getattr(given, name)) is not None
    }


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
