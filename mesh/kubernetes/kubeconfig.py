"""Kubeconfig files, read as kubectl and Pulumi's plugin read them."""

import base64
import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import pulumi
import yaml
from lightkube.config.kubeconfig import SingleConfig
from lightkube.config.models import Cluster as Server
from lightkube.config.models import Context, User
from lightkube.core.exceptions import ConfigError

from mesh import fast_yaml
from mesh.project import PROJECT

Entry = Mapping[str, Any]
Typed = TypeVar("Typed")
PATIENCE = 60  # seconds for a program that fetches credentials; it may ask somebody in a browser
MARGIN = timedelta(minutes=1)
"""Time before the end of credentials in which they are fetched anew."""
# Keys of an entry in each section: its content's, and those of paths relative to the file.
SECTIONS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "clusters": ("cluster", ("certificate-authority",)),
    "contexts": ("context", ()),
    "users": ("user", ("client-certificate", "client-key", "tokenFile")),
}


@dataclass(frozen=True, kw_only=True)
class Kubeconfig:
    """Several kubeconfig files as one: of entries with the same name, the first file's wins."""

    clusters: Mapping[str, Entry]
    contexts: Mapping[str, Entry]
    users: Mapping[str, Entry]

    def server(self, context: str) -> Entry:
        """Return the entry of a context's cluster. Raises ConfigError when there is none."""
        return _entry(self.clusters, "cluster", self._context(context).get("cluster"))

    def connection(self, context: str) -> SingleConfig:
        """Return a client's configuration. Raises ConfigError when something is missing."""
        server, user = self.server(context), self._context(context).get("user")
        # A context without a user is an open cluster.
        credentials = _user(_entry(self.users, "user", user), server) if user else User()
        return SingleConfig(
            context_name=context,
            context=_typed(self._context(context), Context),
            cluster=_typed(server, Server),
            user=credentials,
        )

    def _context(self, name: str) -> Entry:
        return _entry(self.contexts, "context", name)


def path(value: str) -> str:
    """Check that the setting is a file's path. Raises ValueError for a kubeconfig's contents."""
    if "\n" in value or value.lstrip().startswith("{"):
        raise ValueError(
            "is the path of a file, not what is in it: that would be kept in the stack's file and "
            "state; put it into a file that only you can read, and name that"
        )
    return value


def files(named: Path | None) -> list[Path]:
    """List the files to read: the named one, else $KUBECONFIG's, else that of the home folder."""
    if named:
        return [PROJECT / named.expanduser()]
    listed = os.environ.get("KUBECONFIG", "").split(os.pathsep)
    return [Path(file) for file in listed if file] or [Path.home() / ".kube" / "config"]


def read(listed: Iterable[Path]) -> Kubeconfig:
    """Read the existing files. Raises pulumi.RunError for one that is no kubeconfig."""
    merged: dict[str, dict[str, Entry]] = {section: {} for section in SECTIONS}
    for file in filter(Path.is_file, listed):
        folder = file.absolute().parent
        for section, name, body in _entries(file):
            found = {key: str(folder / path) for key, path in _paths(section, body).items()}
            merged[section].setdefault(name, {**body, **found})
    return Kubeconfig(**merged)


def relative_paths(file: Path, context: str) -> list[str]:
    """List the relative paths in a context's entries: they depend on the reader's folder."""
    entries = list(_entries(file))
    contexts = {name: body for section, name, body in entries if section == "contexts"}
    used = contexts.get(context, {})
    of_context = {("clusters", used.get("cluster")), ("users", used.get("user"))}
    return [
        path
        for section, name, body in entries
        if (section, name) in of_context
        for path in _paths(section, body).values()
        if not Path(path).is_absolute()
    ]


def _entries(file: Path) -> Iterator[tuple[str, str, Entry]]:
    """Yield a file's entries: section, name and content."""
    content = load(file)
    for section, (inner, _) in SECTIONS.items():
        for entry in content.get(section) or []:
            try:
                name, body = str(entry["name"]), dict(entry.get(inner) or {})
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                raise pulumi.RunError(
                    f"{file} is no kubeconfig: {section} must be a list of entries, each with a "
                    f"name and a mapping {inner}"
                ) from error
            yield section, name, body


def _paths(section: str, body: Entry) -> dict[str, str]:
    """Return the paths in an entry, unchanged."""
    return {key: body[key] for key in SECTIONS[section][1] if body.get(key)}


def load(file: Path) -> dict[str, Any]:
    """Read one file. Raises pulumi.RunError when it is no kubeconfig."""
    try:
        content = fast_yaml.load(file.read_bytes())
    except OSError as error:
        raise pulumi.RunError(f"{file} can't be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise pulumi.RunError(f"{file} is no kubeconfig, not even YAML: {error}") from error
    except RecursionError as error:
        raise pulumi.RunError(f"{file} is no kubeconfig: it is nested too deeply") from error
    if not isinstance(content, dict):
        raise pulumi.RunError(f"{file} is no kubeconfig: it holds no mapping")
    return content


def _entry(entries: Mapping[str, Entry], what: str, name: str | None) -> Entry:
    if name is None or name not in entries:
        raise ConfigError(f"the kubeconfig has no {what} {name!r}")
    return entries[name]


def _user(user: Entry, server: Entry) -> User:
    if "exec" in user:
        program = _typed(user["exec"], _Program)
        return _kept(program, server)
    return _typed(user, User)


def _typed(entry: Entry, to: type[Typed]) -> Typed:
    try:
        return msgspec.convert(entry, to)
    except msgspec.ValidationError as error:
        raise ConfigError(f"the kubeconfig is wrong: {error}") from error


class _Variable(msgspec.Struct):
    name: str
    value: str


class _Program(msgspec.Struct):
    """A program that fetches credentials, as a user's `exec` entry names it."""

    command: str
    apiVersion: str  # noqa: N815 - Kubernetes' spelling
    args: list[str] | None = None
    env: list[_Variable] | None = None
    installHint: str | None = None  # noqa: N815
    provideClusterInfo: bool = False  # noqa: N815


class _Status(msgspec.Struct):
    token: str | None = None
    clientCertificateData: str | None = None  # noqa: N815
    clientKeyData: str | None = None  # noqa: N815
    expirationTimestamp: Annotated[datetime, msgspec.Meta(tz=True)] | None = None  # noqa: N815

    @property
    def has_ended(self) -> bool:
        """Whether they have ended, or will while they are used."""
        end = self.expirationTimestamp
        return end is not None and end < datetime.now(UTC) + MARGIN


class _Credential(msgspec.Struct):
    """What the program prints."""

    status: _Status


_fetched_before: dict[bytes, _Status] = {}
"""What each program printed last, in this process."""


def _kept(program: _Program, server: Entry) -> User:
    """Return a program's credentials, fetched anew only when the last ones have ended.

    A cloud's own program takes a second, and several clients are made.
    """
    key = msgspec.json.encode((program, server))
    kept = _fetched_before.get(key)
    if kept is None or kept.has_ended:
        kept = _fetched_before[key] = _fetched(program, server)
    return User(
        token=kept.token,
        client_cert_data=_base64(kept.clientCertificateData),
        client_key_data=_base64(kept.clientKeyData),
    )


def _fetched(program: _Program, server: Entry) -> _Status:
    """Fetch credentials by a program, as client-go does.

    The protocol is https://kubernetes.io/docs/reference/config-api/client-authentication.v1/;
    lightkube's own implementation supports neither v1 nor certificates.
    """
    request = {
        "apiVersion": program.apiVersion,
        "kind": "ExecCredential",
        "spec": {
            "interactive": False,
            **({"cluster": dict(server)} if program.provideClusterInfo else {}),
        },
    }
    added = {each.name: each.value for each in program.env or ()}
    what = f"{program.command}, which fetches credentials,"
    try:
        answer = subprocess.run(
            [program.command, *(program.args or ())],
            env={**os.environ, **added, "KUBERNETES_EXEC_INFO": json.dumps(request)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise ConfigError(f"{what} failed: {said or f'exit code {error.returncode}'}") from error
    except subprocess.TimeoutExpired as error:
        raise ConfigError(
            f"{what} doesn't end within {PATIENCE} s: run it by hand to see what it waits for"
        ) from error
    except FileNotFoundError as error:
        hint = f"; {program.installHint.strip()}" if program.installHint else ""
        raise ConfigError(f"{what} isn't on PATH{hint}") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"{what} can't be run: {error}") from error
    return _credentials(answer.stdout, program.command)


def _credentials(printed: bytes, command: str) -> _Status:
    """Return the credentials that a program printed."""
    try:
        status = msgspec.json.decode(printed, type=_Credential).status
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        # The message leaves out the program's output, which may be a secret.
        raise ConfigError(f"{command} printed no credentials of Kubernetes") from error
    if not status.token and not status.clientCertificateData:
        raise ConfigError(f"{command} printed neither a token nor a certificate")
    return status


def _base64(text: str | None) -> str | None:
    return base64.b64encode(text.encode()).decode() if text else None
