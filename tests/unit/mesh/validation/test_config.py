"""The stack's config: what is refused, and how."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pulumi
import pytest
from pydantic import BaseModel, ConfigDict, Json
from pydantic.alias_generators import to_camel

from mesh.charts.values import common_values
from mesh.istio.release import TODAY, Release
from mesh.settings import schema
from mesh.validation import against_release, config
from tests.fakes.engine import ISTIO, defaults

Configure = Callable[..., None]


def refusal(configure: Configure, **overrides: str) -> str:
    """Return the message that a config is refused with."""
    configure(**overrides)
    with pytest.raises(pulumi.RunError) as caught:
        config.read_settings()
    return str(caught.value)


def test_the_defaults_are_fine(configure: Configure) -> None:
    """A stack that sets nothing is a complete stack, and what is not set is None."""
    configure()

    stack = config.read_settings()

    assert stack.istio_namespace == "istio-system"
    assert stack.mesh_config == {}
    assert (stack.context, stack.kubeconfig, stack.release_dir) == (None, None, None)


def test_every_setting_is_declared_and_every_declaration_is_read() -> None:
    """Pulumi.yaml and the code know the same keys, so that defaults have one home."""
    read = {f"mesh:{to_camel(field)}" for field in schema.Settings.model_fields}

    assert read == set(defaults())
    assert all(field.is_required() for field in schema.Settings.model_fields.values())


def test_an_unknown_key_is_refused(configure: Configure) -> None:
    """A typo is named, with the setting that was meant."""
    message = refusal(configure, istioVerson="1.30.3")

    assert "mesh:istioVerson: no such setting, did you mean istioVersion?" in message
    assert "got '1.30.3'" in message


def test_an_unknown_key_like_no_other_gets_no_guess(configure: Configure) -> None:
    """A guess that means nothing is worse than none."""
    message = refusal(configure, zzz="1")

    assert "mesh:zzz: no such setting, got '1'" in message


@pytest.mark.parametrize("path", ["a" * 300, "~no-such-user/releases"])
@pytest.mark.parametrize("key", ["releaseDir", "kubeconfig"])
def test_a_path_that_cannot_be_looked_up_is_refused(
    configure: Configure, key: str, path: str
) -> None:
    """The system's own reason is told."""
    assert f"mesh:{key}: must be the path of a file or folder, and this can't be one: " in refusal(
        configure, **{key: path}
    )


@pytest.mark.parametrize(
    ("key", "got"),
    [
        ("trafficPlan.reviews.to", "'v2'"),
        ("gateways[0].serviceType", "'v2'"),
        ('cacerts["ca-key.pem"]', "a secret"),
    ],
)
def test_a_place_that_was_set_without_path_is_explained(
    configure: Configure, key: str, got: str
) -> None:
    """Pulumi took it for a key of its own; what may be a secret isn't shown."""
    message = refusal(configure, **{key: "v2"})

    remedy = f"pulumi config rm '{key}', then pulumi config set --path '{key}' VALUE, got {got}"
    assert f"is set with --path: {remedy}" in message


def test_other_projects_keys_are_left_alone(configure: Configure) -> None:
    """Only this project's namespace of the config is ours to judge."""
    configure()
    pulumi.runtime.set_config("kubernetes:context", "elsewhere")

    assert config.read_settings().context is None


@pytest.mark.parametrize(
    "name", ["Book_Info", "-bookinfo", "bookinfo-", "book.info", "b" * 64, "bookinfo\n"]
)
def test_a_namespace_that_kubernetes_refuses_is_refused(configure: Configure, name: str) -> None:
    """Before the first resource, not by the API server half-way."""
    message = refusal(configure, bookinfoNamespace=name)

    assert "mesh:bookinfoNamespace: a namespace is 1 to 63 lower-case letters" in message
    assert f"got {name!r}" in message


@pytest.mark.parametrize("key", ["istioNamespace", "bookinfoNamespace", "nodeAgentsNamespace"])
@pytest.mark.parametrize("name", ["default", "kube-node-lease", "kube-public", "kube-system"])
def test_a_namespace_of_kubernetes_itself_is_refused(
    configure: Configure, key: str, name: str
) -> None:
    """The stack would create it, and delete it when it is destroyed."""
    message = refusal(configure, **{key: name})

    assert f"mesh:{key}: is a namespace of Kubernetes itself" in message
    assert "give it another name" in message


def test_more_replicas_than_kubernetes_can_count_are_refused(configure: Configure) -> None:
    """It keeps the number in 32 bits."""
    message = refusal(configure, bookinfoReplicas="1000000000000")

    assert "mesh:bookinfoReplicas: must be less than or equal to 2147483647" in message


@pytest.mark.parametrize("name", ["b", "bookinfo", "b2", "book-info", "2b", "b" * 63])
def test_a_namespace_that_kubernetes_takes_is_taken(configure: Configure, name: str) -> None:
    """The rule is Kubernetes' own, no stricter."""
    configure(bookinfoNamespace=name)

    assert config.read_settings().bookinfo_namespace == name


@pytest.mark.parametrize("version", ["1.30", "v1.30.3", "latest", "", "1.30.3 "])
def test_a_version_is_a_release(configure: Configure, version: str) -> None:
    """Not a range, a branch or a word: a release's folder and image tag are made from it."""
    message = refusal(configure, istioVersion=version)

    assert "mesh:istioVersion: a version is MAJOR.MINOR.PATCH" in message


@pytest.mark.parametrize("value", ["accessLogFile", "[1]", '"text"'])
def test_mesh_config_is_an_object(configure: Configure, value: str) -> None:
    """A string set by hand is told how an object is set."""
    message = refusal(configure, meshConfig=value)

    assert "mesh:meshConfig: must be an object" in message
    assert "--path" in message


def test_the_two_namespaces_differ(configure: Configure) -> None:
    """An injected mesh namespace would give the gateway a second proxy."""
    message = refusal(configure, bookinfoNamespace="istio-system")

    assert "mesh:bookinfoNamespace: must differ from mesh:istioNamespace" in message


def test_off_needs_no_quotes(configure: Configure) -> None:
    """Written by hand into the stack's file, the word reaches the program as a boolean."""
    configure(injection="false")

    assert config.read_settings().injection == "off"


def test_a_way_to_inject_is_one_of_four(configure: Configure) -> None:
    """The message lists them."""
    message = refusal(configure, injection="true")

    assert "mesh:injection" in message
    assert "'auto', 'manual', 'ambient' or 'off'" in message


@pytest.mark.parametrize("namespace", ["istio-system", "bookinfo", "edge"])
def test_node_agents_have_a_namespace_of_their_own(configure: Configure, namespace: str) -> None:
    """Its pods may do anything on their node: no other pod may come by such rights."""
    gateways = json.dumps([{"name": "public", "namespace": "edge"}])

    message = refusal(configure, nodeAgentsNamespace=namespace, gateways=gateways)

    assert "mesh:nodeAgentsNamespace: must not be used by anything else" in message
    assert f"got {namespace!r}" in message


@pytest.mark.parametrize("injection", ["auto", "manual"])
@pytest.mark.parametrize("level", ["baseline", "restricted"])
def test_pod_security_needs_another_way_to_redirect_traffic(
    configure: Configure, level: str, injection: str
) -> None:
    """The API server would refuse each pod of Bookinfo for its init container, one by one."""
    message = refusal(configure, podSecurity=level, injection=injection)

    assert "mesh:podSecurity: needs mesh:cni true, or mesh:injection ambient or off" in message
    assert f"got {level!r}" in message


@pytest.mark.parametrize("fine", [{"cni": "true"}, {"injection": "ambient"}, {"injection": "off"}])
def test_pod_security_goes_with_pods_that_need_no_rights(
    configure: Configure, fine: dict[str, str]
) -> None:
    """Redirected by the node's agent, or not at all."""
    configure(podSecurity="restricted", **fine)

    assert config.read_settings().pod_security == "restricted"


def test_restricted_namespaces_take_no_addons(configure: Configure) -> None:
    """The samples' pods would be refused one by one; baseline lets them in."""
    safe = {"cni": "true", "addons": '["prometheus"]'}

    message = refusal(configure, podSecurity="restricted", **safe)
    assert "mesh:addons: the releases' samples meet baseline only" in message
    assert "got ['prometheus']" in message

    configure(podSecurity="baseline", **safe)
    assert config.read_settings().addons == {"prometheus"}


@pytest.mark.parametrize(
    ("injection", "need"),
    [
        ("off", "needs mesh:injection auto or manual, or ambient with mesh:waypoints"),
        ("ambient", "needs a waypoint for"),
    ],
)
def test_what_only_proxies_do_needs_proxies(
    configure: Configure, injection: str, need: str
) -> None:
    """Istio would take the policies and routes, and nothing would come of them."""
    plan = {"reviews": {"to": "v1"}, "all": {"to": "v1"}, "productpage": {"to": "v1"}}

    message = refusal(
        configure, injection=injection, denyByDefault="true", trafficPlan=json.dumps(plan)
    )

    assert f"mesh:denyByDefault: {need}" in message
    assert f"mesh:trafficPlan.reviews: {need}" in message
    assert f"mesh:trafficPlan.all: {need}" in message
    assert "mesh:trafficPlan.productpage" not in message


def test_nobody_refuses_plain_text_to_a_pod_without_a_proxy(configure: Configure) -> None:
    """The stack would say strict, and mean nothing; ambient mode's ztunnel does refuse it."""
    strict = json.dumps({"bookinfo": "strict"})
    message = refusal(configure, injection="off", mtlsByNamespace=strict)
    assert "mesh:mtlsByNamespace.bookinfo: needs mesh:injection other than off" in message

    configure(injection="ambient", mtlsByNamespace=strict)
    assert config.read_settings().mtls_by_namespace == {"bookinfo": "strict"}


def test_ambient_is_a_profile_too(configure: Configure) -> None:
    """Another one would take from istiod what ambient mode needs."""
    message = refusal(configure, injection="ambient", profile="demo")
    assert "mesh:profile: must be ambient, or not set, with mesh:injection ambient" in message

    configure(injection="ambient", profile="ambient")
    assert common_values(config.read_settings())["profile"] == "ambient"


def test_raw_values_of_node_agents_are_checked(configure: Configure, release_dir: Path) -> None:
    """As those of the other charts: helm would pass over a misspelt one."""
    values = {"cni": {"cniBinDirr": "/"}, "ztunnel": {"hub": "x"}}
    configure(values=json.dumps(values), releaseDir=str(release_dir))

    with pytest.raises(pulumi.RunError) as caught:
        config.read()

    assert "mesh:values.cni.cniBinDirr: no such value" in str(caught.value)
    assert "did you mean cniBinDir?" in str(caught.value)
    assert "mesh:values.ztunnel.hub: is the setting hub" in str(caught.value)


def test_the_stack_makes_the_agents_namespace_only_with_agents(configure: Configure) -> None:
    """A namespace that isn't made isn't checked either: it may be anybody's."""
    configure()
    assert config.read_settings().namespaces == ("istio-system", "bookinfo")

    configure(cni="true", nodeAgentsNamespace="agents")
    assert config.read_settings().namespaces == ("istio-system", "bookinfo", "agents")


@pytest.mark.parametrize("secret", ["", "kubeconfig"])
@pytest.mark.parametrize("start", ["apiVersion: v1\n", '{"apiVersion": "v1", '])
def test_a_kubeconfigs_content_is_no_setting(configure: Configure, start: str, secret: str) -> None:
    """Other Pulumi programs take it, so people try; what is in it is never shown."""
    message = refusal(
        configure, concealed=secret, context="prod", kubeconfig=f"{start}token: TOP-SECRET"
    )

    assert "mesh:kubeconfig: must be the path of a file, not the file's contents" in message
    assert "TOP-SECRET" not in message


def test_a_kubeconfig_needs_a_context(configure: Configure) -> None:
    """A file alone would leave the choice of the cluster to its current-context."""
    message = refusal(configure, kubeconfig="/etc/kubeconfig")

    assert "mesh:kubeconfig: needs mesh:context" in message


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("mtls", "disable", "'permissive' or 'strict'"),
        ("outboundTrafficPolicy", "DENY", "'ALLOW_ANY' or 'REGISTRY_ONLY'"),
        ("mtlsByNamespace", '{"legacy": "off"}', "'permissive', 'strict' or 'disable'"),
        ("mtlsByNamespace", '{"Legacy": "strict"}', "a namespace is 1 to 63 lower-case letters"),
        ("mtlsByNamespace", "strict", "set key by key: pulumi config set --path 'mtlsByNamespace."),
        ("addons", '["kiale"]', "'grafana' or 'kiali'"),
        ("addons", '"kiali"', "set item by item: pulumi config set --path 'addons[0]' VALUE"),
        ("denyByDefault", "perhaps", "valid boolean"),
        ("tracingSampling", "101", "less than or equal to 100"),
        ("tracingSampling", "-1", "greater than or equal to 0"),
        ("tracingSampling", "all", "valid number"),
    ],
)
def test_a_choice_is_one_of_those_there_are(
    configure: Configure, key: str, value: str, allowed: str
) -> None:
    """The message lists them."""
    message = refusal(configure, **{key: value})

    assert f"mesh:{key}" in message
    assert allowed in message


@pytest.mark.parametrize(
    ("stack", "rule"),
    [
        (
            {
                "outboundTrafficPolicy": "ALLOW_ANY",
                "meshConfig": '{"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}}',
            },
            "mesh:outboundTrafficPolicy: is also set in mesh:meshConfig",
        ),
        (
            {"mtlsByNamespace": '{"istio-system": "strict"}'},
            "mesh:mtlsByNamespace.istio-system: is the root namespace, where a policy applies to "
            "the whole mesh: use mesh:mtls, got 'strict'",
        ),
        (
            {"mtlsByNamespace": '{"root": "strict"}', "meshConfig": '{"rootNamespace": "root"}'},
            "mesh:mtlsByNamespace.root: is the root namespace",
        ),
        (
            {"denyByDefault": "true", "mtlsByNamespace": '{"bookinfo": "disable"}'},
            "mesh:mtlsByNamespace.bookinfo: must be permissive or strict with mesh:denyByDefault",
        ),
        (
            {"denyByDefault": "true", "meshConfig": '{"enableAutoMtls": false}'},
            "mesh:meshConfig.enableAutoMtls: must be true with mesh:denyByDefault",
        ),
        (
            {"mtls": "strict", "meshConfig": '{"enableAutoMtls": false}'},
            "mesh:meshConfig.enableAutoMtls: must be true",
        ),
        (
            {
                "mtlsByNamespace": '{"bookinfo": "strict"}',
                "meshConfig": '{"enableAutoMtls": false}',
            },
            "mesh:meshConfig.enableAutoMtls: must be true",
        ),
        (
            {"addons": '["kiali"]'},
            "mesh:addons: kiali shows the data of prometheus: add prometheus, or drop kiali, "
            "got ['kiali']",
        ),
        ({"addons": '["grafana", "loki"]'}, "mesh:addons: grafana shows the data of prometheus"),
        (
            {"tracingSampling": "50"},
            "mesh:tracingSampling: needs a place to send traces to: add jaeger to mesh:addons",
        ),
        (
            {"addons": '["jaeger"]', "meshConfig": '{"extensionProviders": [{"name": "jaeger"}]}'},
            "mesh:meshConfig.extensionProviders: has a provider of the name that jaeger in",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    configure: Configure, stack: dict[str, str], rule: str
) -> None:
    """Each is fine alone: the message names both, and what to do."""
    assert rule in refusal(configure, **stack)


@pytest.mark.parametrize(
    "stack",
    [
        {"mtls": "strict", "denyByDefault": "true", "mtlsByNamespace": '{"bookinfo": "strict"}'},
        {"mtlsByNamespace": '{"istio-system": "strict"}', "meshConfig": '{"rootNamespace": "r"}'},
        {"meshConfig": '{"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}}'},
        {"meshConfig": '{"enableAutoMtls": false}'},
        {"addons": '["prometheus", "kiali", "grafana"]'},
        {"addons": '["jaeger"]', "tracingSampling": "100"},
        {"tracingSampling": "1", "meshConfig": '{"defaultProviders": {"tracing": ["zipkin"]}}'},
    ],
)
def test_settings_that_agree_are_taken(configure: Configure, stack: dict[str, str]) -> None:
    """The rules refuse no more than what can't work."""
    configure(**stack)

    assert config.read_settings()


@pytest.mark.parametrize(
    "shapeless",
    [
        {"extensionProviders": ["jaeger"], "defaultProviders": "zipkin"},
        {"extensionProviders": "jaeger", "defaultProviders": []},
    ],
)
def test_a_mesh_config_of_another_shape_is_left_to_its_own_check(
    configure: Configure, shapeless: dict[str, Any]
) -> None:
    """The rules that look into it find no fault, and none of them falls over it."""
    configure(addons='["jaeger"]', meshConfig=json.dumps(shapeless))
    assert config.read_settings()

    message = refusal(configure, tracingSampling="1", meshConfig=json.dumps(shapeless))
    assert "mesh:tracingSampling: needs a place to send traces to" in message


def test_a_missing_default_is_named(configure: Configure) -> None:
    """The engine hands out Pulumi.yaml's defaults; without them the message says where to look."""
    configure()
    pulumi.runtime.set_all_config(
        {key: value for key, value in defaults().items() if key != "mesh:kubeVersion"}
    )

    with pytest.raises(pulumi.RunError, match=r"mesh:kubeVersion: has neither a value nor a"):
        config.read_settings()


def test_all_mistakes_are_reported_at_once(configure: Configure) -> None:
    """One run shows them all, each under its key, and how to mend them."""
    message = refusal(configure, istioVersion="x", bookinfoNamespace="B", colour="red")

    assert "stack test has 3 mistakes" in message
    for key in ("istioVersion", "bookinfoNamespace", "colour"):
        assert f"\n  - mesh:{key}: " in message
    assert "pulumi config set" in message


class Port(BaseModel):
    """A part of a setting, two levels down."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    number: int
    name: str | None = None


class Door(BaseModel):
    """A part of a setting, with a list, a map and a choice."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    service_type: Literal["NodePort", "ClusterIP"] = "ClusterIP"
    open_ports: tuple[Port, ...] = ()
    named_ports: dict[str, Port] = {}
    width: int | Literal["auto"] = "auto"


@pytest.fixture
def doors(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> Callable[[object], str]:
    """Return the message that a list of doors is refused with, in a program that has doors."""

    class WithDoors(schema.Settings):
        doors: Json[tuple[Door, ...]]

    monkeypatch.setattr(config, "Settings", WithDoors)
    return lambda value: refusal(
        configure, doors=value if isinstance(value, str) else json.dumps(value)
    )


@pytest.mark.parametrize(
    ("value", "mistake"),
    [
        ([{"serviceTyp": 1}], "doors[0].serviceTyp: no such setting, did you mean serviceType?"),
        (
            [{}, {"openPorts": [{"number": 1}, {"nr": 2, "number": 2}]}],
            "doors[1].openPorts[1].nr: no such setting, got 2",
        ),
        (
            [{"openPorts": [{"numbr": 1, "number": 2}]}],
            "doors[0].openPorts[0].numbr: no such setting, did you mean number?, got 1",
        ),
        (
            [{"namedPorts": {"a.b": {"number": 1, "nam": "x"}}}],
            "doors[0].namedPorts[\"a.b\"].nam: no such setting, did you mean name?, got 'x'",
        ),
        ([{"openPorts": [{}]}], "doors[0].openPorts[0].number: must be set, got {}"),
        (
            [{"serviceType": "X"}],
            "doors[0].serviceType: must be 'NodePort' or 'ClusterIP', got 'X'",
        ),
        (
            [{"openPorts": [{"number": "x"}]}],
            "doors[0].openPorts[0].number: must be a valid integer",
        ),
        ([{"width": "wide"}], "doors[0].width: must be 'auto', got 'wide'"),
        (
            [{"openPorts": 80}],
            "doors[0].openPorts: must be a list, set item by item: "
            "pulumi config set --path 'doors[0].openPorts[0]' VALUE, got 80",
        ),
        ([3], "doors[0]: must be an object, set key by key"),
        ({"serviceType": "NodePort"}, "doors: must be a list, set item by item"),
        ("front", "doors: must be a list, set item by item"),
    ],
)
def test_a_mistake_in_depth_has_its_whole_path(
    doors: Callable[[object], str], value: object, mistake: str
) -> None:
    """As `pulumi config set --path` takes it, and with a guess from the model at that depth."""
    assert f"\n  - mesh:{mistake}" in doors(value)


def test_a_long_value_is_cut(configure: Configure) -> None:
    """A wrong key that holds a whole document doesn't bury the other mistakes."""
    assert len(refusal(configure, wrong="x" * 5000)) < 500


def test_a_secret_value_is_not_shown(configure: Configure) -> None:
    """A message ends up in logs: what was set with --secret stays out of it."""
    message = refusal(configure, concealed="bookinfoNamespace", bookinfoNamespace="Hunter2")

    assert "mesh:bookinfoNamespace: a namespace is" in message
    assert "got a secret" in message
    assert "Hunter2" not in message


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("hub", "https://registry.example.com/istio", "a hub is REGISTRY/PATH"),
        ("hub", "docker.io/istio:1.30.3", "a hub is REGISTRY/PATH"),
        ("hub", "", "a hub is REGISTRY/PATH"),
        ("tag", "a b", "a tag is up to 128 letters"),
        ("imagePullPolicy", "Sometimes", "must be 'Always', 'IfNotPresent' or 'Never'"),
        ("imagePullSecrets", "regcred", "must be a list, set item by item"),
        ("imagePullSecrets", '["Reg_Cred"]', "a name is up to 253 lower-case letters"),
        ("values", '{"istod": {}}', "no such setting, did you mean istiod?"),
    ],
)
def test_what_images_are_named_with_is_checked(
    configure: Configure, key: str, value: str, rule: str
) -> None:
    """A wrong name would show as pods that wait for their image."""
    assert rule in refusal(configure, **{key: value})


@pytest.mark.parametrize("hub", ["docker.io/istio", "localhost:5000", "r.example.com:443/a-b/c__d"])
def test_a_hub_is_any_registry_and_path(configure: Configure, hub: str) -> None:
    """A private one has a port, or more folders."""
    configure(hub=hub)

    assert config.read_settings().hub == hub


def test_charts_get_what_the_stack_set(configure: Configure) -> None:
    """And nothing for what it didn't: the charts' own defaults stay."""
    configure()
    assert common_values(config.read_settings()) == {
        "global": {"hub": "docker.io/istio", "tag": ISTIO, "istioNamespace": "istio-system"}
    }

    configure(profile="demo", tag="1.30.3-distroless", imagePullSecrets='["a"]')
    assert common_values(config.read_settings()) == {
        "profile": "demo",
        "global": {
            "hub": "docker.io/istio",
            "tag": "1.30.3-distroless",
            "istioNamespace": "istio-system",
            "imagePullSecrets": ["a"],
        },
    }


def test_one_message_has_the_releases_mistakes_too(configure: Configure, release_dir: Path) -> None:
    """What only the release can judge isn't kept for a second try."""
    message = refusal(
        configure,
        releaseDir=str(release_dir),
        bookinfoNamespace="B",
        colour="red",
        kubeconfig="/etc/kubeconfig",
        profile="dmo",
        meshConfig='{"accesLogFile": ""}',
        values='{"istiod": {"autoscaleMim": 2}, "base": {"defaultRevison": ""}}',
    )

    assert "stack test has 7 mistakes" in message
    for place in (
        *("bookinfoNamespace", "colour", "kubeconfig", "profile", "meshConfig.accesLogFile"),
        *("values.istiod.autoscaleMim", "values.base.defaultRevison"),
    ):
        assert f"\n  - mesh:{place}: " in message


def test_a_variable_that_istiod_no_longer_reads_is_refused(configure: Configure) -> None:
    """From the minor on whose upgrade notes say so, wherever the chart takes it."""
    gone = "PILOT_SPAWN_UPSTREAM_SPAN_FOR_GATEWAY"
    configure(values=json.dumps({"istiod": {"env": {gone: "false"}}}))
    settings = config.read_settings()

    def found(version: str) -> list[str]:
        release = Release(version=version, folder=Path(), layout=TODAY)
        return [each.line() for each in against_release.gone_variables(settings, release)]

    assert found("1.30.8") == []
    assert found("1.31.0") == [
        f"values.istiod.env.{gone}: is no longer read since Istio 1.31 (upgrade notes): remove it, "
        "got 'false'"
    ]


def test_the_release_is_asked_when_all_else_is_right(
    configure: Configure, release_dir: Path
) -> None:
    """A stack whose every mistake is one against the release is refused as well."""
    configure(releaseDir=str(release_dir), meshConfig='{"accesLogFile": ""}')

    with pytest.raises(pulumi.RunError, match=r"stack test has 1 mistake:\n  - mesh:meshConfig\."):
        config.read()


@pytest.mark.parametrize(
    "overrides",
    [
        {"hub": "gcr.io/istio-release"},
        {"bookinfoHub": "registry.istio.io/release"},
        {"values": '{"istiod": {"image": "registry.istio.io/release/pilot:1.30.3"}}'},
        {"addons": '["prometheus"]'},
    ],
)
def test_a_host_that_istio_retires_is_warned_of(
    configure: Configure,
    release_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    overrides: dict[str, str],
) -> None:
    """In a setting, a value of a chart or an add-on's file, with the new place."""
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    folder = release_dir
    if "addons" in overrides:
        folder = tmp_path / "release"
        shutil.copytree(release_dir, folder, ignore=shutil.ignore_patterns("bookinfo"))
        file = folder / "samples" / "addons" / "prometheus.yaml"
        file.write_text("image: gcr.io/istio-release/prometheus:1\n")
    configure(releaseDir=str(folder), **overrides)

    config.read()

    (warning,) = said
    assert next(iter(overrides)).removesuffix("s") in warning.replace("add-on", "addon")
    assert "8 and 9 December 2026" in warning
    assert "docker.io/istio" in warning
