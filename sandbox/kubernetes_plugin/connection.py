"""The plugin's cluster: reachable or not, with what all operations on it share."""

from collections.abc import Callable

from .changes import Change
from .cluster import Cluster
from .engine import Engine
from .errors import ApiError, NoMatchError, ResourceError, UnreachableError
from .kinds import built_in_scope
from .kubeconfig import namespace_of, select
from .objects import Gvk, Object, annotation_of, pluck
from .settings import Settings
from .waiting.informers import Informers
from .waiting.session import Cancellation, Session

_OLDEST = (1, 13)
_TIMEOUT = "pulumi.com/timeoutSeconds"
_DEFAULT_SECONDS = 600.0


class Connection:
    """What Configure sets up, and every later call uses."""

    def __init__(self, engine: Engine) -> None:
        self.settings = Settings()
        self.default_namespace = "default"
        self.unreachable = "the provider isn't configured"
        """Why the cluster can't be used; empty when it can."""
        self.cancellation = Cancellation()
        self._engine = engine
        self._cluster: Cluster | None = None
        self._informers: Informers | None = None
        self._crd_scopes: dict[tuple[str, str], bool] = {}

    def configure(self, settings: Settings) -> None:
        """Take the settings, and see whether their cluster answers.

        Raises:
            ResourceError: The cluster is too old.

        """
        self.settings = settings
        self.default_namespace = namespace_of(settings.overrides)
        self.unreachable = ""
        try:
            config = select(settings.overrides)
        except (OSError, ValueError) as error:
            self.unreachable = (
                f"failed to parse kubeconfig data in `kubernetes:config:kubeconfig`- {error}"
                if settings.overrides.kubeconfig
                else f"unable to load Kubernetes client configuration from kubeconfig file: {error}"
            )
            return
        cluster = Cluster(config, timeout=settings.timeout)
        try:
            cluster.discovery.kinds()
            oldest = cluster.minor()
        except (ApiError, UnreachableError, OSError) as error:
            self.unreachable = f"unable to load schema information from the API server: {error}"
            return
        if oldest < _OLDEST:
            raise ResourceError(
                f"minimum supported cluster version is v1.13. found v{oldest[0]}.{oldest[1]}"
            )
        self._cluster = cluster
        self._informers = Informers(cluster)

    @property
    def cluster(self) -> Cluster:
        """The cluster.

        Raises:
            UnreachableError: It can't be used.

        """
        if self._cluster is None:
            raise UnreachableError(
                f"configured Kubernetes cluster is unreachable: {self.unreachable}"
            )
        return self._cluster

    @property
    def reachable_cluster(self) -> Cluster | None:
        """The cluster, if it can be used."""
        return self._cluster

    @property
    def renders(self) -> bool:
        """Whether objects are written to files instead."""
        return bool(self.settings.yaml_directory)

    def change(self, urn: str, manager: str, *, preview: bool = False) -> Change:
        """Prepare to change an object."""
        return Change(
            cluster=self.cluster,
            settings=self.settings,
            cancellation=self.cancellation,
            manager=manager,
            preview=preview,
            status=self._to(self._engine.status, urn),
            info=self._to(self._engine.info, urn),
        )

    def session(self, urn: str, inputs: Object, timeout: float = 0) -> Session:
        """Prepare to wait for something; the engine's timeout wins over the annotation's."""
        if self._informers is None:
            raise UnreachableError(self.unreachable)
        annotated = annotation_of(inputs, _TIMEOUT)
        return Session(
            cluster=self.cluster,
            informers=self._informers,
            cancellation=self.cancellation,
            status=self._to(self._engine.status, urn),
            warn=self._to(self._engine.warn, urn),
            timeout=timeout or (float(annotated) if annotated.isdigit() else _DEFAULT_SECONDS),
        )

    @staticmethod
    def _to(say: Callable[[str, str], None], urn: str) -> Callable[[str], None]:
        return lambda message: say(urn, message)

    def remember_crd(self, crd: Object) -> None:
        """Note whether the kind of a CRD in this program lives in namespaces."""
        group, kind = pluck(crd, "spec", "group"), pluck(crd, "spec", "names", "kind")
        scope = pluck(crd, "spec", "scope")
        if all(isinstance(part, str) for part in (group, kind, scope)):
            self._crd_scopes[group, kind] = scope == "Namespaced"

    def is_namespaced(self, gvk: Gvk) -> bool:
        """Tell whether a kind lives in namespaces; a kind that nobody knows does."""
        known = built_in_scope(gvk.api_version, gvk.kind)
        if known is None:
            known = self._crd_scopes.get((gvk.group, gvk.kind))
        if known is None and self._cluster is not None:
            try:
                found = self._cluster.discovery.find(gvk)
            except ResourceError:
                found = None
            known = found.namespaced if found else None
        return True if known is None else known

    def serves(self, gvk: Gvk) -> bool:
        """Tell whether the cluster is there and serves a kind."""
        if self._cluster is None:
            return False
        try:
            self._cluster.discovery.mapping(gvk)
        except (NoMatchError, ApiError, UnreachableError):
            return False
        return True
