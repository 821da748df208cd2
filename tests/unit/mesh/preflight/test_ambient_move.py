"""A move between sidecars and ambient mode: what must come before it, and what is told."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mesh.kubernetes.client import connect
from mesh.preflight import ambient_move
from mesh.validation import config
from tests.fakes.api_server import Answer, Request, cluster_at, serving
from tests.fakes.engine import CONTRACT
from tests.fakes.mesh import istio_object, running_mesh

Look = Callable[..., tuple[list[str], list[str]]]

SIDECAR: dict[str, Any] = {"annotations": {"istio.io/rev": "default"}, "labels": {"app": "x"}}
READY: dict[str, Any] = {**SIDECAR, "labels": {"networking.istio.io/tunnel": "http"}}
WAYPOINT: dict[str, Any] = {**SIDECAR, "labels": {"sidecar.istio.io/inject": "false"}}
STRICT = {"mtls": {"mode": "STRICT"}}
TO_AMBIENT = {"injection": "ambient"}


@pytest.fixture
def look(configure: Callable[..., None], tmp_path: Path) -> Look:
    """Return a check of a cluster with some pods and policies: refusals, and warnings."""

    def check(
        *pods: dict[str, Any],
        ambient: bool = False,
        policies: dict[str, list[dict[str, Any]]] | None = None,
        **settings: str,
    ) -> tuple[list[str], list[str]]:
        configure(**settings)
        found = config.read_settings()
        namespace = found.bookinfo_namespace

        def answer(request: Request) -> Answer:
            path = request.path.partition("?")[0]
            if path == f"/api/v1/namespaces/{namespace}/pods":
                return 200, {"metadata": {}, "items": [{"metadata": each} for each in pods]}
            if policies is None:
                return 404, {"code": 404, "message": "no", "status": "Failure"}
            _, _, _, _, _, where, kind = path.split("/")
            items = [
                {"metadata": {"name": spec.get("name", "default")}, "spec": spec}
                for spec in policies.get(f"{where}/{kind}", [])
            ]
            return 200, {"metadata": {}, "items": items}

        warnings: list[str] = []
        mesh = running_mesh(
            namespaces={namespace: istio_object("Namespace", name=namespace)},
            ambient_namespaces=frozenset({namespace} if ambient else ()),
        )
        with serving(answer) as url, connect(cluster_at(url, tmp_path)) as client:
            return list(ambient_move.obstacles(client, found, mesh, warnings)), warnings

    return check


@pytest.mark.parametrize(
    ("pods", "settings"),
    [
        ((SIDECAR,), {"injection": "auto"}),
        ((), TO_AMBIENT),
        ((WAYPOINT,), TO_AMBIENT),
        ((SIDECAR,), {"injection": "off"}),
        ((SIDECAR,), {"mode": "platform", **TO_AMBIENT}),
    ],
)
def test_where_nothing_moves_nothing_is_said(
    look: Look, pods: tuple[dict[str, Any], ...], settings: dict[str, str]
) -> None:
    """A waypoint's proxy is no sidecar."""
    assert look(*pods, policies={}, **settings) == ([], [])


def test_a_move_is_explained(look: Look) -> None:
    """Whoever reads the preview knows that the pods are recreated, and what is plain text."""
    refused, (move, plain) = look(SIDECAR, SIDECAR, READY, policies={}, **TO_AMBIENT)

    assert refused == []
    assert "namespace bookinfo moves from sidecars to ambient mode: each Deployment's pods" in move
    assert "to the 2 with old sidecars in namespace bookinfo are plain text" in plain


def test_a_move_back_is_explained(look: Look) -> None:
    """A cluster without policies' CRDs has none of them."""
    refused, (move, plain) = look(ambient=True, injection="auto")

    assert refused == []
    assert "requests between the old pods in namespace bookinfo, which leave ambient" in plain
    assert "moves from ambient mode to sidecars" in move


@pytest.mark.parametrize(
    ("settings", "policies"),
    [
        ({"denyByDefault": "true", "waypoints": "[{}]"}, {}),
        ({}, {"bookinfo/authorizationpolicies": [{"name": "allow-nothing"}]}),
    ],
)
def test_denials_go_before_the_move(
    look: Look, settings: dict[str, str], policies: dict[str, Any]
) -> None:
    """Pulumi deletes them last: switched off in the same update, they would hold until its end."""
    (reason,), _ = look(READY, policies=policies, **TO_AMBIENT, **settings)

    assert "`pulumi config set denyByDefault false` and `pulumi up` first" in reason


def test_a_policy_of_somebody_else_is_no_denial_of_the_stack(look: Look) -> None:
    """`denyByDefault false` would change nothing about it."""
    theirs = {"bookinfo/authorizationpolicies": [{"name": "team"}]}

    assert look(READY, policies=theirs, **TO_AMBIENT)[0] == []


@pytest.mark.parametrize(
    ("settings", "policies"),
    [
        ({"mtls": "strict"}, {}),
        ({"mtlsByNamespace": json.dumps({"bookinfo": "strict"})}, {}),
        ({}, {"istio-system/peerauthentications": [STRICT]}),
        ({}, {"bookinfo/peerauthentications": [STRICT]}),
    ],
)
def test_sidecars_that_ztunnel_cannot_reach_are_restarted_first(
    look: Look, settings: dict[str, str], policies: dict[str, Any]
) -> None:
    """Where plain text is refused, new pods couldn't send requests to old ones."""
    (reason,), warnings = look(SIDECAR, policies=policies, **TO_AMBIENT, **settings)

    assert (
        "in namespace bookinfo, where the sidecars of 1 pod accept no connections of ztunnel"
        in reason
    )
    assert "proxyMetadata.ISTIO_META_ENABLE_HBONE true`, `pulumi up`, `kubectl roll" in reason
    assert len(warnings) == 1
    assert look(READY, policies=policies, **TO_AMBIENT, **settings)[0] == []


def test_an_apps_sidecars_need_a_restart_only(look: Look) -> None:
    """Its platform in ambient mode has set the rest."""
    contract = {**CONTRACT, "nodeAgents": ["istio-cni", "ztunnel"]}
    app = {"mode": "app", "platformContract": json.dumps(contract), **TO_AMBIENT}

    (reason,), _ = look(SIDECAR, policies={"istio-system/peerauthentications": [STRICT]}, **app)

    assert "ISTIO_META" not in reason
    assert "`kubectl rollout restart deployment -n bookinfo-test` first" in reason


def test_a_namespace_of_its_own_mode_is_not_its_meshs(look: Look) -> None:
    """Its policy wins over the root namespace's."""
    policies = {
        "istio-system/peerauthentications": [STRICT],
        "bookinfo/peerauthentications": [{"mtls": {"mode": "PERMISSIVE"}}],
    }

    assert look(SIDECAR, policies=policies, **TO_AMBIENT)[0] == []


def test_a_strict_stack_leaves_ambient_mode_by_permissive(look: Look) -> None:
    """An app moves back at once: its platform's istiod stays in ambient mode."""
    policies = {"istio-system/peerauthentications": [STRICT]}
    (reason,), _ = look(ambient=True, policies=policies, injection="auto")
    assert "`pulumi config set mtls permissive` and `pulumi up` first" in reason

    app = {"mode": "app", "platformContract": json.dumps(CONTRACT)}
    assert look(ambient=True, policies=policies, **app)[0] == []
