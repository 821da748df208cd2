"""Settings of a stack; Pulumi.yaml has their defaults and descriptions."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Json, SecretStr
from pydantic.alias_generators import to_camel

from mesh import project
from mesh.kubernetes.pod_security import Level
from mesh.project import PROJECT
from mesh.settings import app_names, revisions
from mesh.settings.bookinfo_database import BookinfoDatabase, Database
from mesh.settings.bookinfo_service import BookinfoService, ServiceName
from mesh.settings.clusters import (
    ClusterAccess,
    ClusterName,
    Kubeconfig,
    LabelValue,
    RemoteControlPlane,
    StackName,
)
from mesh.settings.data_plane import DataPlane, Injection, MeshNamespace
from mesh.settings.facts import APP, APP_ONLY, EVERY_MODE, PLATFORM, Facts, Mode, facts_of
from mesh.settings.fields import (
    Annotations,
    Digest,
    Hub,
    KubeconfigPath,
    Labels,
    Model,
    Name,
    NamedImage,
    Namespace,
    OptionalHub,
    OptionalName,
    OptionalPath,
    OptionalTag,
    OwnNamespace,
    Percentage,
    Replicas,
    Version,
    empty_is_unset,
)
from mesh.settings.gateway import TLS, CredentialName, Gateway, Issuer, RoutingApi
from mesh.settings.platform_contract import PlatformContract
from mesh.settings.resources import Resources
from mesh.settings.secrets import PULL_SECRET, CertificateAuthority, Credentials, GatewayCertificate
from mesh.settings.traffic_plan import PlanSetting
from mesh.settings.waypoint import Waypoint, serving

MeshMtls = Literal["permissive", "strict"]
NamespaceMtls = Literal["permissive", "strict", "disable"]
OutboundTrafficPolicy = Literal["ALLOW_ANY", "REGISTRY_ONLY"]
ImagePullPolicy = Literal["Always", "IfNotPresent", "Never"]
AddonName = Literal["prometheus", "loki", "jaeger", "grafana", "kiali"]
RevisionName = Annotated[str, AfterValidator(revisions.revision)]
RevisionOrTag = Annotated[str, AfterValidator(revisions.name)]

_ONE = "a cluster has only one control plane of it"
_ONE_CLUSTER = "its clusters are joined by another chart, istio-remote"
_SAMPLE = "its sample has no such part"
_NO_CREDENTIALS = "its gateways read certificates from files"
_NO_GATEWAY_API = "it has no support for the Gateway API"


class Canary(Model):
    """Second control plane, in addition to the stack's own."""

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
    """Values of the umbrella chart of a release before 1.5."""


class Settings(Model):
    """Settings of a stack, each field with its type and its facts."""

    mode: Annotated[Mode, Facts(EVERY_MODE)]
    platform_stack: Annotated[OptionalName, Facts(APP_ONLY)]
    platform_contract: Annotated[
        Json[Annotated[PlatformContract | None, empty_is_unset]], Facts(APP_ONLY)
    ]
    istio_version: Annotated[Version, Facts(PLATFORM)]
    release_dir: Annotated[OptionalPath, Facts(PLATFORM)]
    context: Annotated[OptionalName, Facts(EVERY_MODE)]
    kubeconfig: Annotated[KubeconfigPath, Facts(EVERY_MODE, is_hidden=True)]
    kube_version: Annotated[Version, Facts(PLATFORM)]
    istio_namespace: Annotated[OwnNamespace, Facts(PLATFORM)]
    namespace_labels: Annotated[Json[Labels], Facts(EVERY_MODE)]
    namespace_annotations: Annotated[Json[Annotations], Facts(EVERY_MODE)]
    mesh_namespaces: Annotated[
        Json[dict[OwnNamespace, MeshNamespace]],
        Facts(
            PLATFORM,
            before_1_5="label them: kubectl label namespace NAMESPACE istio-injection=enabled",
        ),
    ]
    gateways: Annotated[
        Json[tuple[Gateway, ...]],
        Facts(PLATFORM, before_1_5="its chart has them: set values.istio.gateways"),
    ]
    routing_api: Annotated[RoutingApi, Facts(PLATFORM, before_1_5=_NO_GATEWAY_API)]
    gateway_api_crds: Annotated[
        Literal["stack", "cluster"], Facts(PLATFORM, before_1_5=_NO_GATEWAY_API)
    ]
    bookinfo_namespace: Annotated[OwnNamespace, BeforeValidator(app_names.namespace), Facts(APP)]
    bookinfo_host: Annotated[str, AfterValidator(app_names.host), Facts(APP)]
    bookinfo_credential_name: Annotated[
        CredentialName | None, empty_is_unset, Facts(APP, before_1_5=_NO_CREDENTIALS)
    ]
    bookinfo_ratings: Annotated[Database | None, empty_is_unset, Facts(APP, before_1_5=_SAMPLE)]
    bookinfo_database: Annotated[
        Json[Annotated[BookinfoDatabase | None, empty_is_unset]], Facts(APP, before_1_5=_SAMPLE)
    ]
    bookinfo_mysql_password: Annotated[SecretStr | None, empty_is_unset, Facts(APP, is_secret=True)]
    bookinfo_mongodb_password: Annotated[
        SecretStr | None, empty_is_unset, Facts(APP, is_secret=True)
    ]
    bookinfo_details_v2: Annotated[bool, Facts(APP, before_1_5=_SAMPLE)]
    bookinfo_hub: Annotated[OptionalHub, Facts(APP)]
    bookinfo_tag: Annotated[OptionalTag, Facts(APP)]
    bookinfo_replicas: Annotated[Replicas, Facts(APP)]
    bookinfo_resources: Annotated[Json[Resources], Facts(APP)]
    bookinfo_services: Annotated[
        Json[dict[ServiceName, BookinfoService]], Facts(APP, before_1_5=_SAMPLE)
    ]
    bookinfo_probes: Annotated[bool, Facts(APP)]
    traffic_plan: Annotated[PlanSetting, Facts(APP)]
    waypoints: Annotated[
        Json[tuple[Waypoint, ...]], Facts(APP, before_1_5="it has no ambient mode")
    ]
    mesh_config: Annotated[
        Json[dict[str, Any]],
        Facts(PLATFORM, before_1_5="its chart makes it from other values: set values.istio.global"),
    ]
    profile: Annotated[OptionalName, Facts(PLATFORM)]
    platform: Annotated[OptionalName, Facts(PLATFORM, before_1_5="it has no platform profiles")]
    compatibility_version: Annotated[
        OptionalName, Facts(PLATFORM, before_1_5="it can't keep the behaviour of an older version")
    ]
    hub: Annotated[Hub, Facts(PLATFORM)]
    tag: Annotated[OptionalTag, Facts(PLATFORM)]
    image_digests: Annotated[
        Json[dict[NamedImage, Digest]],
        Facts(EVERY_MODE, before_1_5="its chart makes the names of images from hub and tag only"),
    ]
    image_pull_policy: Annotated[ImagePullPolicy | None, empty_is_unset, Facts(PLATFORM)]
    image_pull_secrets: Annotated[Json[tuple[Name, ...]], Facts(PLATFORM)]
    values: Annotated[Json[ChartValues], Facts(PLATFORM)]
    registry_credentials: Annotated[Json[dict[str, Credentials]], Facts(EVERY_MODE, is_secret=True)]
    cacerts: Annotated[
        Json[Annotated[CertificateAuthority | None, empty_is_unset]],
        Facts(PLATFORM, is_secret=True),
    ]
    gateway_certificates: Annotated[
        Json[dict[CredentialName, GatewayCertificate]],
        Facts(PLATFORM, before_1_5=_NO_CREDENTIALS, is_secret=True),
    ]
    mesh_id: Annotated[LabelValue | None, empty_is_unset, Facts(PLATFORM, before_1_5=_ONE_CLUSTER)]
    cluster_name: Annotated[
        ClusterName | None, empty_is_unset, Facts(PLATFORM, before_1_5=_ONE_CLUSTER)
    ]
    network: Annotated[LabelValue | None, empty_is_unset, Facts(PLATFORM, before_1_5=_ONE_CLUSTER)]
    cluster_access: Annotated[
        Json[Annotated[ClusterAccess | None, empty_is_unset]],
        Facts(PLATFORM, before_1_5=_ONE_CLUSTER),
    ]
    remote_clusters: Annotated[
        Json[dict[ClusterName, StackName]], Facts(PLATFORM, before_1_5=_ONE_CLUSTER)
    ]
    remote_kubeconfigs: Annotated[
        Json[dict[ClusterName, Kubeconfig]],
        Facts(PLATFORM, before_1_5=_ONE_CLUSTER, is_secret=True),
    ]
    external_istiod: Annotated[bool, Facts(PLATFORM, before_1_5=_ONE_CLUSTER)]
    remote_control_plane: Annotated[
        Json[Annotated[RemoteControlPlane | None, empty_is_unset]],
        Facts(PLATFORM, before_1_5=_ONE_CLUSTER),
    ]
    mtls: Annotated[
        MeshMtls,
        Facts(
            PLATFORM, before_1_5="set values.istio.global.mtls.enabled to true, or the profile auth"
        ),
    ]
    mtls_by_namespace: Annotated[
        Json[dict[Namespace, NamespaceMtls]],
        Facts(PLATFORM, before_1_5="write Policies of authentication.istio.io"),
    ]
    deny_by_default: Annotated[bool, Facts(APP, before_1_5="write ServiceRoles of rbac.istio.io")]
    outbound_traffic_policy: Annotated[
        OutboundTrafficPolicy | None,
        empty_is_unset,
        Facts(PLATFORM, before_1_5="set values.istio.global.proxy.includeIPRanges"),
    ]
    addons: Annotated[
        Json[frozenset[AddonName]],
        Facts(
            PLATFORM,
            before_1_5="its chart has them: set values.istio.grafana.enabled, or profile demo",
        ),
    ]
    access_logs: Annotated[
        bool, Facts(PLATFORM, before_1_5="set values.istio.global.proxy.accessLogFile")
    ]
    tracing_sampling: Annotated[
        Percentage | None,
        empty_is_unset,
        Facts(PLATFORM, before_1_5="set values.istio.pilot.traceSampling"),
    ]
    # YAML reads a bare `off` as false.
    injection: Annotated[
        Injection, BeforeValidator(lambda v: "off" if v == "false" else v), Facts(EVERY_MODE)
    ]
    cni: Annotated[bool, Facts(PLATFORM, before_1_5="its release has no chart of istio-cni")]
    node_agents_namespace: Annotated[OwnNamespace, Facts(PLATFORM)]
    pod_security: Annotated[
        Level | None,
        empty_is_unset,
        Facts(
            EVERY_MODE,
            before_1_5="its sidecars need an init container that changes the pods' network",
        ),
    ]
    revision: Annotated[RevisionName | None, empty_is_unset, Facts(PLATFORM, before_1_5=_ONE)]
    canary: Annotated[
        Json[Annotated[Canary | None, empty_is_unset]], Facts(PLATFORM, before_1_5=_ONE)
    ]
    revision_tags: Annotated[
        Json[dict[RevisionOrTag, RevisionOrTag]], Facts(PLATFORM, before_1_5=_ONE)
    ]
    gateway_revision: Annotated[
        RevisionOrTag | None, empty_is_unset, Facts(PLATFORM, before_1_5=_ONE)
    ]
    bookinfo_revision: Annotated[RevisionOrTag | None, empty_is_unset, Facts(APP, before_1_5=_ONE)]
    adopt: Annotated[bool, Facts(EVERY_MODE)]
    delete_crds: Annotated[bool, Facts(PLATFORM)]

    @classmethod
    def defaults(cls) -> "Settings":
        """Return the settings of a stack that sets no config."""
        return cls.model_validate(project.defaults(PROJECT), context={"stack": "defaults"})

    def value(self, key: str) -> Any:
        """Return the value of a setting, by its key in Pulumi.yaml."""
        return getattr(self, FIELDS[key])

    @property
    def root_namespace(self) -> str:
        """Root namespace: its policies apply to the whole mesh."""
        return self._in_mesh_config("rootNamespace") or self.istio_namespace

    @property
    def trust_domain(self) -> str:
        """The domain that every identity of the mesh begins with."""
        return self._in_mesh_config("trustDomain") or "cluster.local"

    def _in_mesh_config(self, key: str) -> str | None:
        value = self.mesh_config.get(key)
        return value if isinstance(value, str) else None  # the release's API refuses another type

    @property
    def pull_secrets(self) -> list[str]:
        """The names of the image pull secrets, in every namespace of the stack."""
        own = [PULL_SECRET] if self.registry_credentials else []
        return [*self.image_pull_secrets, *own]

    def pinned(self, hub: str, image: str) -> str:
        """Return the whole name of an image, NAME:TAG, with its digest if the stack has one."""
        digest = self.image_digests.get(image)
        return f"{hub}/{image}@{digest}" if digest else f"{hub}/{image}"

    @property
    def data_plane(self) -> DataPlane:
        """Data plane: how the pods join the mesh."""
        return DataPlane(injection=self.injection, cni=self.cni)

    @property
    def gateway_namespaces(self) -> tuple[str, ...]:
        """Namespaces of the gateways, without duplicates."""
        return tuple(dict.fromkeys(map(self.namespace_of, self.gateways)))

    @property
    def ingress(self) -> Gateway | None:
        """Gateway that Bookinfo is reached through, the first for ingress; None without one."""
        return next((each for each in self.gateways if each.direction == "ingress"), None)

    @property
    def bookinfo_credential(self) -> str | None:
        """Secret with the certificate that Bookinfo's host is served with; None without HTTPS."""
        if self.platform_contract:
            gateway = self.platform_contract.gateway
            https = gateway.https if gateway else None
            usual = https.credential_name if https else None
        else:
            port = self.ingress.https_port if self.ingress else None
            usual = port.tls.credential_name if port and port.tls else None
        return usual and (self.bookinfo_credential_name or usual)

    def host_served_with(self, credential: str) -> str | None:
        """Return Bookinfo's host if a Secret's certificate is for it; None for those of others."""
        is_bookinfos = self.mode == "standalone" and credential == self.bookinfo_credential
        return self.bookinfo_host if is_bookinfos else None

    def dns_names_of(self, tls: TLS) -> tuple[str, ...]:
        """Return the host names of a port's certificate; none where only the cluster has it."""
        given = self.gateway_certificates.get(tls.credential_name or "")
        if given is not None:
            certificate = given.read()
            return certificate.dns_names if certificate else ()
        return self.dns_names_of_issuer(tls.issuer) if tls.issuer else ()

    def dns_names_of_issuer(self, issuer: Issuer) -> tuple[str, ...]:
        """Return the host names that a certificate is issued for, Bookinfo's by default."""
        return issuer.dns_names or (self.bookinfo_host,)

    def namespace_of(self, gateway: Gateway) -> str:
        """Return the namespace of a gateway: istiod's, unless the gateway sets another one."""
        return gateway.namespace or self.istio_namespace

    def waypoint_of(self, service: str) -> Waypoint | None:
        """Return the waypoint that handles requests to a service of Bookinfo."""
        return serving(self.waypoints, service)

    @property
    def needs_gateway_api(self) -> bool:
        """Whether the cluster must have the CRDs of the Gateway API: waypoints are Gateways too."""
        return self.routing_api == "gateway-api" or bool(self.waypoints)

    @property
    def east_west(self) -> tuple[Gateway, ...]:
        """Gateways for requests from other networks of the mesh."""
        return tuple(each for each in self.gateways if each.direction == "east-west")

    @property
    def brings_gateway_api(self) -> bool:
        """Whether the CRDs of the Gateway API are needed, and created by this stack."""
        return self.needs_gateway_api and self.gateway_api_crds == "stack" and self.mode != "app"

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Namespaces that the stack creates."""
        if self.mode == "app":
            return (self.bookinfo_namespace,)
        of_app = () if self.mode == "platform" else (self.bookinfo_namespace,)
        of_agents = (self.node_agents_namespace,) if self.data_plane.node_agents else ()
        whole = (self.istio_namespace, *self.gateway_namespaces, *of_app)
        return tuple(dict.fromkeys((*whole, *of_agents)))


FIELDS = {to_camel(name): name for name in Settings.model_fields}
"""The field of each setting, by its key in Pulumi.yaml."""
FACTS = facts_of(Settings)
"""The facts of each setting, by its key in Pulumi.yaml."""
SECRETS = frozenset(key for key, facts in FACTS.items() if facts.is_secret)
