"""Creating, updating and deleting an object on the API server, without waiting for it."""

from collections.abc import Callable
from dataclasses import dataclass

from .cluster import APPLY, JSON_PATCH, MERGE, Cluster
from .errors import ApiError, NoMatchError, ResourceError
from .fields import apply_ignored, merge_ignored, must_force, transfer
from .merging import merge
from .naming import suffixed
from .objects import Object, annotation_of, is_crd, name_of, namespace_of, pluck, set_metadata
from .properties import copy
from .settings import Settings
from .waiting.session import Cancellation

PROPAGATION = "pulumi.com/deletionPropagationPolicy"
_CREATOR = "pulumi-kubernetes"
_RETRIES = 5
_CONFLICT_HELP = (
    "server-side apply field conflict detected, see https://www.pulumi.com/registry/packages/"
    "kubernetes/how-to-guides/managing-resources-with-server-side-apply/"
    "#handle-field-conflicts-on-existing-resources for troubleshooting help"
)
_EXISTS_HELP = """

The resource already exists in the cluster. This can happen when:

  - a Pulumi resource was renamed: give it an alias, so that it stays the same resource;
    or set deleteBeforeReplace where it has to be replaced.
  - an object of others is to be changed: a Patch resource (such as NamespacePatch) manages
    single fields without owning the object.
  - the object should belong to this stack: adopt it with `pulumi import`.
  - creates should take over what exists: set upsertExistingObjects on the provider."""


class MissingNamespaceError(ResourceError):
    """The object's namespace doesn't exist yet."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """How one object is changed."""

    cluster: Cluster
    settings: Settings
    cancellation: Cancellation
    manager: str
    """The field manager of the resource."""
    preview: bool
    status: Callable[[str], None]
    info: Callable[[str], None]

    def _query(self, **more: str) -> dict[str, str]:
        return ({"dryRun": "All"} if self.preview else {}) | more

    def create(self, inputs: Object, *, patch: bool) -> Object:
        """Create an object, or with upsert (and for Patch resources) apply it.

        What isn't found yet, such as a namespace or a kind, is tried again for a while.

        Raises:
            ResourceError: The API server refused.

        """
        upsert = self.settings.server_side_apply and (self.settings.upsert or patch)
        for attempt in range(_RETRIES + 1):
            try:
                return self._apply_new(inputs) if upsert else self._create(inputs)
            except (ApiError, NoMatchError) as error:
                if self.preview and isinstance(error, ApiError) and error.is_missing_namespace:
                    raise MissingNamespaceError(
                        f'namespace does not exist for "{name_of(inputs)}"'
                    ) from error
                self.status(f"Retry #{attempt}; creation failed: {error}")
                if isinstance(error, ApiError):
                    if error.is_already_exists:
                        error.args = (f"{error}{_EXISTS_HELP}",)
                    if error.status != 404:
                        raise
                if attempt == _RETRIES or self.cancellation.event.wait(2.0**attempt):
                    raise
        raise AssertionError("the last attempt raises")

    def _create(self, inputs: Object) -> Object:
        # A static manager, which the first update replaces by the resource's own.
        query = self._query(fieldManager=_CREATOR)
        return self.cluster.create(self.cluster.path_of(inputs), inputs, **query)

    def _apply_new(self, inputs: Object) -> Object:
        force = must_force(inputs, None, enabled=self.settings.patch_force, preview=self.preview)
        try:
            return self._apply(inputs, name_of(inputs), force=force, fieldValidation="Warn")
        except ApiError as error:
            if not (self.preview and error.is_immutable_field):
                raise
            # The object will be replaced, which a dry run can't do: try it under another name.
            name = suffixed(name_of(inputs))
            self.info(
                f'Preview creation failed due to immutable fields; retrying with name "{name}"'
            )
            set_metadata(inputs, "name", name)
            return self._apply(inputs, name, force=force, fieldValidation="Warn")

    def _apply(self, inputs: Object, name: str, *, force: bool, **query: str) -> Object:
        path = self.cluster.path_of(inputs, name)
        query = self._query(fieldManager=self.manager, force=str(force).lower(), **query)
        try:
            return self.cluster.patch(path, inputs, APPLY, **query)
        except ApiError as error:
            if error.is_conflict:
                error.args = (
                    f"{_CONFLICT_HELP}\nThe resource managed by field manager "
                    f'"{self.manager}" had an apply conflict: {error.message}',
                )
            raise

    def update(
        self, inputs: Object, *, name: str, old_inputs: Object, ignored: list[str], patch: bool
    ) -> tuple[Object, Object]:
        """Change an object; give its new version, and what was sent for it.

        Raises:
            ResourceError: The API server refused.

        """
        live = self.cluster.get(self.cluster.path_of(inputs, name))
        if is_crd(inputs):
            return self._replace(inputs, live), inputs
        if not self.settings.server_side_apply:
            wanted = merge_ignored(inputs, live, ignored)
            return self._merge(wanted, live, old_inputs), wanted
        if not patch and not self.preview:
            live = self._take_over(live)
        wanted = apply_ignored(inputs, live, self.manager, ignored)
        force = must_force(wanted, live, enabled=self.settings.patch_force, preview=self.preview)
        return self._apply(wanted, name_of(live), force=force), wanted

    def _replace(self, inputs: Object, live: Object) -> Object:
        # Replaced whole, as `kubectl replace` does: that keeps the objects of the kind.
        wanted = copy(inputs)
        set_metadata(wanted, "resourceVersion", pluck(live, "metadata", "resourceVersion"))
        query = self._query(fieldManager=self.manager)
        return self.cluster.replace(self.cluster.path_of(inputs, name_of(live)), wanted, **query)

    def _merge(self, inputs: Object, live: Object, old_inputs: Object) -> Object:
        patch = merge(old_inputs, inputs, live)
        query = self._query(fieldManager=_CREATOR)
        path = self.cluster.path_of(inputs, name_of(live))
        return self.cluster.patch(path, patch, MERGE, **query)

    def _take_over(self, live: Object) -> Object:
        patch = transfer(live, self.manager)
        if not patch:
            return live
        return self.cluster.patch(self.cluster.path_of(live, name_of(live)), patch, JSON_PATCH)

    def relinquish(self, obj: Object, manager: str) -> None:
        """Give up a field manager's claim on every field of an object."""
        bare = {
            "apiVersion": obj.get("apiVersion"),
            "kind": obj.get("kind"),
            "metadata": {"name": name_of(obj)},
        }
        set_metadata(bare, "namespace", namespace_of(obj))
        path = self.cluster.path_of(obj, name_of(obj))
        self.cluster.patch(path, bare, APPLY, fieldManager=manager, force="false")

    def delete(self, inputs: Object, obj: Object, name: str) -> bool:
        """Ask for an object's deletion; False when it is gone already."""
        policy = {"orphan": "Orphan", "background": "Background"}.get(
            annotation_of(inputs, PROPAGATION).lower(), "Foreground"
        )
        try:
            path = self.cluster.path_of(obj, name)
            self.cluster.delete(path, {"propagationPolicy": policy})
        except NoMatchError:
            return False
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True
