"""Updates without server-side apply, as of a Kubernetes before 1.18."""

import pytest

from sandbox.kubernetes_plugin.merging import merge


def of_kind(kind, version="v1", **fields):
    """Make an object."""
    return {"apiVersion": version, "kind": kind, **fields}


def test_three_ways_make_an_update():
    """What the program dropped goes, what it wants is set, what others added stays."""
    old = of_kind("X", "example.com/v1", spec={"a": 1, "b": 1, "list": [1]})
    new = of_kind("X", "example.com/v1", spec={"b": 2, "list": [2]})
    live = of_kind("X", "example.com/v1", spec={"a": 1, "b": 1, "c": 3, "list": [1, 3]})
    assert merge(old, new, live) == {"spec": {"a": None, "b": 2, "list": [2]}}


def ports(*numbers, **more):
    """Make a Service with these ports."""
    listed = [{"name": f"p{number}", "port": number} | more for number in numbers]
    return of_kind("Service", spec={"ports": listed})


def test_a_services_ports_keep_their_node_ports():
    """Merged by their number (provider/pkg/openapi/openapi.go, StrategicMergePatch)."""
    live = ports(80, 81, nodePort=30000)
    assert merge(ports(80, 81), ports(80, 81), live) == {"spec": {}}
    patch = merge(ports(80, 81), ports(80, 82), live)
    assert patch["spec"]["ports"] == [
        {"name": "p80", "port": 80, "nodePort": 30000},
        {"name": "p82", "port": 82},
    ]


def test_a_webhook_keeps_what_others_wrote():
    """Such as the authority that its injector signed, and hooks of others."""
    hook = {"name": "a", "clientConfig": {"service": {"name": "s"}}}
    signed = {"name": "a", "clientConfig": {"service": {"name": "s"}, "caBundle": "x"}}
    old, live = (
        of_kind("MutatingWebhookConfiguration", webhooks=each)
        for each in ([hook], [signed, {"name": "other"}])
    )
    new = old | {"webhooks": [hook | {"failurePolicy": "Fail"}]}
    new["apiVersion"] = old["apiVersion"] = "admissionregistration.k8s.io/v1beta1"
    assert merge(old, new, live)["webhooks"] == [
        signed | {"failurePolicy": "Fail"},
        {"name": "other"},
    ]


def template(containers, **more):
    """Make a Deployment."""
    return of_kind("Deployment", "apps/v1", spec={"containers": containers, **more})


def test_a_container_loses_what_the_program_dropped():
    """A variable, a whole container; and keeps what the server or somebody else added."""
    env = [{"name": "a", "value": "1"}, {"name": "b", "value": "1"}]
    old = template([{"name": "c", "image": "i:1", "env": env}, {"name": "gone", "image": "i"}])
    new = template([{"name": "c", "image": "i:2", "env": env[:1]}])
    live = template(
        [
            {"name": "c", "image": "i:1", "env": [*env, {"name": "z", "value": "9"}], "tty": True},
            {"name": "gone", "image": "i"},
            {"name": "sidecar", "image": "s"},
        ]
    )
    assert merge(old, new, live)["spec"]["containers"] == [
        {"name": "c", "image": "i:2", "env": [env[0], {"name": "z", "value": "9"}], "tty": True},
        {"name": "sidecar", "image": "s"},
    ]


@pytest.mark.parametrize(
    ("new", "live", "patch"),
    [
        ({"name": "v", "secret": {}}, {"name": "v", "configMap": {}}, {"name": "v", "secret": {}}),
        (
            {"name": "v", "secret": {"x": 1}},
            {"name": "v", "secret": {"x": 2, "mode": 1}},
            {"name": "v", "secret": {"x": 1, "mode": 1}},
        ),
    ],
)
def test_a_volume_has_one_source(new, live, patch):
    """The old one goes; within the same one, what the server added stays."""
    merged = merge(template([]), template([], volumes=[new]), template([], volumes=[live]))
    assert merged["spec"]["volumes"] == [patch]


def test_another_strategy_leaves_nothing_of_the_old_one():
    """Else the server refuses both together; one that is the same is left alone."""
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}
    live = template([], strategy=rolling)
    changed = merge(template([]), template([], strategy={"type": "Recreate"}), live)
    assert changed["spec"]["strategy"] == {"type": "Recreate", "rollingUpdate": None}
    same = merge(template([]), template([], strategy={"type": "RollingUpdate"}), live)
    assert not same["spec"].get("strategy")


def test_finalizers_of_others_stay():
    """A list of texts is a set."""
    old, new, live = (
        of_kind("ConfigMap", metadata={"finalizers": each})
        for each in (["a", "b"], ["b", "c"], ["a", "b", "x"])
    )
    assert merge(old, new, live) == {"metadata": {"finalizers": ["b", "c", "x"]}}
