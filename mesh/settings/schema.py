"""The stack's config as one typed, checked object."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pulumi
from pulumi.runtime.config import CONFIG, is_config_secret
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Json,
    SecretStr,
    ValidationError,
)
from pydantic.alias_generators import to_camel

from mesh import project
from mesh.bookinfo import services
from mesh.bookinfo.services import Database, Versions
from mesh.istio import addons, release
from mesh.istio.release import (
    Release,
)
from mesh.kubernetes import kubeconfig
from mesh.kubernetes.pod_security import Level
from mesh.project import (
    PROJECT,
)
from mesh.settings import app_names, modes, platform_contract, revisions, secrets, security
from mesh.settings.data_plane import DataPlane, Injection, NodeAgent
from mesh.settings.fields import DNS_LABEL, Namespace
from mesh.settings.gateway import Gateway, RoutingApi
from mesh.settings.modes import Mode
from mesh.settings.platform_contract import PlatformContract
from mesh.settings.resources import Resources
from mesh.settings.secrets import PULL_SECRET, CertificateAuthority, Credentials
from mesh.settings.traffic_plan import PlanSetting
from mesh.validation import conflicts, explain, messages

VERSION = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?")

HUB = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:\d+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*")
TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)


SECRETS = ("registryCredentials", "cacerts", "bookinfoMysqlPassword")
HIDDEN = (*SECRETS, "kubeconfig")
"""What no message shows when it is wrong: somebody may have set a kubeconfig's content."""


def _name(value: str) -> str:
    if len(value) > 253 or not all(DNS_LABEL.fullmatch(part) for part in value.split(".")):
        raise ValueError("a name is up to 253 lower-case letters, digits, '-' and '.'")
    return value


def _version(value: str) -> str:
    if not VERSION.fullmatch(value):
        raise ValueError("a version is MAJOR.MINOR.PATCH, such as 1.30.3")
    return value


def _hub(value: str) -> str:
    if not HUB.fullmatch(value):
        raise ValueError(
            "a hub is REGISTRY/PATH, such as docker.io/istio, without https:// or a tag"
        )
    return value


def _tag(value: str | None) -> str | None:
    if value and not TAG.fullmatch(value):
        raise ValueError("a tag is up to 128 letters, digits, '.', '_' and '-', such as 1.30.3")
    return value


# Pulumi.yaml's empty default is how an optional key looks to the engine.
_empty_is_unset = BeforeValidator(lambda value: value or None)

Name = Annotated[str, AfterValidator(_name)]
Percentage = Annotated[float, Field(ge=0, le=100)]
Version = Annotated[str, AfterValidator(_version)]
Hub = Annotated[str, AfterValidator(_hub)]
OptionalTag = Annotated[str | None, _empty_is_unset, AfterValidator(_tag)]
Host = Annotated[str, AfterValidator(app_names.host)]
OptionalName = Annotated[str | None, _empty_is_unset]
OptionalPath = Annotated[Path | None, _empty_is_unset]
RevisionName = Annotated[str, AfterValidator(revisions.revision)]
RevisionOrTag = Annotated[str, AfterValidator(revisions.name)]


class Canary(BaseModel):
    """A second control plane, beside the stack's own."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    revision: RevisionName
    istio_version: Version
    release_dir: OptionalPath = None
    tag: OptionalTag = None


class ChartValues(BaseModel):
    """Raw values of charts; mesh.validation.chart_values checks them against the charts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: dict[str, Any] = {}
    istiod: dict[str, Any] = {}
    cni: dict[str, Any] = {}
    ztunnel: dict[str, Any] = {}
    istio: dict[str, Any] = {}
    """The umbrella chart of a release before 1.5."""


class Settings(BaseModel):
    """What a stack decides; the defaults and the descriptions are in Pulumi.yaml."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    mode: Mode
    platform_stack: OptionalName
    platform_contract: Json[Annotated[PlatformContract | None, _empty_is_unset]]
    istio_version: Version
    release_dir: OptionalPath
    context: OptionalName
    kubeconfig: Annotated[OptionalPath, BeforeValidator(kubeconfig.path)]
    kube_version: Version
    istio_namespace: Namespace
    gateways: Json[tuple[Gateway, ...]]
    routing_api: RoutingApi
    gateway_api_crds: Literal["stack", "cluster"]
    bookinfo_namespace: Annotated[Namespace, BeforeValidator(app_names.namespace)]
    bookinfo_host: Host
    bookinfo_ratings: Annotated[Database | None, _empty_is_unset]
    bookinfo_mysql_password: Annotated[SecretStr | None, _empty_is_unset]
    bookinfo_details_v2: bool
    bookinfo_hub: Annotated[Hub | None, _empty_is_unset]
    bookinfo_tag: OptionalTag
    bookinfo_replicas: Annotated[int, Field(ge=1)]
    bookinfo_resources: Json[Resources]
    bookinfo_probes: bool
    traffic_plan: PlanSetting
    mesh_config: Json[dict[str, Any]]
    profile: OptionalName
    platform: OptionalName
    compatibility_version: OptionalName
    hub: Hub
    tag: OptionalTag
    image_pull_policy: Annotated[Literal["Always", "IfNotPresent", "Never"] | None, _empty_is_unset]
    image_pull_secrets: Json[tuple[Name, ...]]
    values: Json[ChartValues]
    registry_credentials: Json[dict[str, Credentials]]
    cacerts: Json[Annotated[CertificateAuthority | None, _empty_is_unset]]
    mtls: security.MeshMode
    mtls_by_namespace: Json[dict[Namespace, security.Mode]]
    deny_by_default: bool
    outbound_traffic_policy: Annotated[security.OutboundTrafficPolicy | None, _empty_is_unset]
    addons: Json[frozenset[addons.Name]]
    access_logs: bool
    tracing_sampling: Annotated[Percentage | None, _empty_is_unset]
    # YAML reads a bare `off` as false.
    injection: Annotated[Injection, BeforeValidator(lambda v: "off" if v == "false" else v)]
    cni: bool
    node_agents_namespace: Namespace
    pod_security: Annotated[Level | None, _empty_is_unset]
    revision: Annotated[RevisionName | None, _empty_is_unset]
    canary: Json[Annotated[Canary | None, _empty_is_unset]]
    revision_tags: Json[dict[RevisionOrTag, RevisionOrTag]]
    gateway_revision: Annotated[RevisionOrTag | None, _empty_is_unset]
    bookinfo_revision: Annotated[RevisionOrTag | None, _empty_is_unset]
    adopt: bool
    delete_crds: bool

    @classmethod
    def defaults(cls) -> "Settings":
        """Return what a stack has that decides nothing."""
        return cls.model_validate(project.defaults(PROJECT))

    def value(self, key: str) -> Any:
        """Return the value of a key, as Pulumi.yaml spells keys."""
        return next(getattr(self, n) for n in type(self).model_fields if to_camel(n) == key)

    @property
    def bookinfo_versions(self) -> Versions:
        """What is deployed of Bookinfo: its services, each with its versions."""
        return services.versions(self.bookinfo_ratings, details_v2=self.bookinfo_details_v2)

    @property
    def pull_secret(self) -> secrets.Data | None:
        """What images are pulled with, where the stack has an account."""
        return secrets.pull_secret(self.registry_credentials)

    @property
    def ca_secret(self) -> secrets.Data | None:
        """The CA of the mesh, where it isn't one of istiod's own making."""
        return secrets.ca_secret(self.cacerts)

    @property
    def mysql_secret(self) -> secrets.Data | None:
        """The password of MySQL's root, for a stack that has it."""
        return secrets.mysql_secret(self.bookinfo_mysql_password)

    @property
    def root_namespace(self) -> str:
        """The namespace whose policies hold for the whole mesh."""
        return self.mesh_config.get("rootNamespace") or self.istio_namespace

    @property
    def trust_domain(self) -> str:
        """The domain that every identity of the mesh begins with."""
        return self.mesh_config.get("trustDomain") or "cluster.local"

    @property
    def whole_mesh_config(self) -> dict[str, Any]:
        """The stack's meshConfig, completed by its other settings."""
        config = dict(self.mesh_config)
        if self.outbound_traffic_policy:
            config["outboundTrafficPolicy"] = {"mode": self.outbound_traffic_policy}
        if "jaeger" in self.addons:
            own = config.get("extensionProviders", ())
            config["extensionProviders"] = [*own, addons.jaeger_provider(self.istio_namespace)]
        return config

    @property
    def core_values(self) -> dict[str, dict[str, Any]]:
        """The raw values of the core's charts, by release name."""
        return {"istio-base": self.values.base, "istiod": self.values.istiod}

    @property
    def node_agent_values(self) -> dict[NodeAgent, dict[str, Any]]:
        """The raw values of the node agents' charts, by release name."""
        return {"istio-cni": self.values.cni, "ztunnel": self.values.ztunnel}

    @property
    def common_values(self) -> dict[str, Any]:
        """What every chart of Istio is rendered with, as far as the stack decides on it."""
        images = {
            "hub": self.hub,
            "tag": self.tag or self.istio_version,
            "imagePullPolicy": self.image_pull_policy,
            "imagePullSecrets": self.pull_secrets,
        }
        return {
            **self._presets,
            "global": {
                "istioNamespace": self.istio_namespace,
                **{key: value for key, value in images.items() if value},
            },
        }

    @property
    def gateway_values(self) -> dict[str, Any]:
        """What every gateway's chart is rendered with: it spells secrets as Kubernetes does."""
        names = [{"name": name} for name in self.pull_secrets]
        images = {"imagePullPolicy": self.image_pull_policy, "imagePullSecrets": names}
        return {**self._presets, **{key: value for key, value in images.items() if value}}

    @property
    def pull_secrets(self) -> list[str]:
        """The names of what images are pulled with, in every namespace of the stack."""
        own = [PULL_SECRET] if self.registry_credentials else []
        return [*self.image_pull_secrets, *own]

    @property
    def _presets(self) -> dict[str, str]:
        presets = {
            "profile": "ambient" if self.data_plane.is_ambient else self.profile,
            "platform": self.platform,
            "compatibilityVersion": self.compatibility_version,
        }
        return {key: value for key, value in presets.items() if value}

    @property
    def data_plane(self) -> DataPlane:
        """How the pods join the mesh."""
        return DataPlane(injection=self.injection, cni=self.cni)

    @property
    def gateway_namespaces(self) -> tuple[str, ...]:
        """Where the gateways are, each namespace once."""
        return tuple(dict.fromkeys(map(self.namespace_of, self.gateways)))

    def namespace_of(self, gateway: Gateway) -> str:
        """Return where a gateway is: with istiod, unless it names another namespace."""
        return gateway.namespace or self.istio_namespace

    @property
    def brings_gateway_api(self) -> bool:
        """Whether the CRDs of the Gateway API are needed, and are this stack's to make."""
        return self.routing_api == "gateway-api" and self.gateway_api_crds == "stack"

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Every namespace that is the stack's own."""
        if self.mode == "app":
            return (self.bookinfo_namespace,)
        of_app = () if self.mode == "platform" else (self.bookinfo_namespace,)
        of_agents = (self.node_agents_namespace,) if self.data_plane.node_agents else ()
        whole = (self.istio_namespace, *self.gateway_namespaces, *of_app)
        return tuple(dict.fromkeys((*whole, *of_agents)))


def read(
    outputs_of: Callable[[str], Mapping[str, Any]] = platform_contract.engines_outputs,
) -> Settings:
    """Check the whole of this project's config, and report every mistake at once.

    `outputs_of` reads the outputs of the stack that an app stands on.
    """
    prefix = f"{pulumi.get_project()}:"
    # pulumi.Config looks up the keys one names; only the whole map shows the misspelled ones.
    config = {
        key.removeprefix(prefix): value
        for key, value in CONFIG.get().items()
        if key.startswith(prefix)
    }
    found = _secrecy(prefix, config)
    try:
        settings = Settings.model_validate(config)
    except ValidationError as error:
        details = error.errors()
        wrong = {str(detail["loc"][0]) for detail in details}
        found += [
            explain.explain(Settings, prefix, config, detail, hidden=HIDDEN) for detail in details
        ]
        messages.refuse(found + _beside(prefix, config, wrong))
    found += modes.contradictions(prefix, config, settings, hidden=SECRETS)
    if settings.mode == "app":
        if found:
            messages.refuse(found)
        platform = platform_contract.find(settings, outputs_of)
        settings = settings.model_copy(update=platform.settings)
    found += conflicts.between(prefix, settings)
    if found:
        messages.refuse(found + _against_release_if_found(prefix, settings))
    app_names.warn(settings)
    return settings


def check(settings: Settings, releases: Sequence[Release]) -> None:
    """Refuse what a release doesn't know: its charts' values, its MeshConfig, its profiles."""
    prefix = f"{pulumi.get_project()}:"
    found = [
        mistake for istio in releases for mistake in conflicts.with_release(prefix, settings, istio)
    ]
    if found:
        messages.refuse(list(dict.fromkeys(found)))


def _secrecy(prefix: str, config: Mapping[str, str]) -> list[str]:
    """Name what lies open in the stack's file, or would in its state."""
    found = []
    for key, value in config.items():
        secret = is_config_secret(f"{prefix}{key}")
        if key in SECRETS and value not in ("", "{}") and not secret:
            at = key if key == "bookinfoMysqlPassword" else f"--path '{key}[...]'"
            found.append(
                f"{prefix}{key}: must be set with --secret, lest it be read in the stack's file: "
                f"pulumi config rm {key}, then pulumi config set --secret {at}"
            )
        elif secret and key not in SECRETS:
            found.append(
                f"{prefix}{key}: can't be kept secret, it shows in the state and in the cluster: "
                "set it without --secret, and no secret in it"
            )
    return found


def _beside(prefix: str, config: Mapping[str, str], wrong: set[str]) -> list[str]:
    """List the mistakes in what isn't wrong by itself, as if what is were not set."""
    declared = project.defaults(PROJECT)
    right = {key: value for key, value in config.items() if key not in wrong}
    right |= {key: declared[key] for key in wrong & declared.keys()}
    try:
        settings = Settings.model_validate(right)
    except ValidationError:  # something has neither a value nor a default
        return []
    found = conflicts.between(prefix, settings)
    if wrong & {"istioVersion", "releaseDir"}:
        return found
    return found + _against_release_if_found(prefix, settings)


def _against_release_if_found(prefix: str, settings: Settings) -> list[str]:
    try:
        istio = release.find(settings.istio_version, settings.release_dir)
    except pulumi.RunError:  # what is found so far comes first
        return []
    return conflicts.with_release(prefix, settings, istio)
