"""Secrets: from `pulumi config set --secret` to the cluster, and nowhere in plain text."""

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from mesh import project
from mesh.resources.secrets import Data, ca_secret, pull_secret
from mesh.settings.schema import Settings
from mesh.settings.secrets import CertificateAuthority, Credentials
from mesh.validation import config
from tests.fakes.engine import CONTRACT, RecordingEngine

SIGNATURE = "4dabf18193072939515e22adb298388d"  # how Pulumi's protocol marks a special value
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the mark of a secret one
PEM = "-----BEGIN CERTIFICATE-----\nHunter2\n-----END CERTIFICATE-----\n"
ACCOUNTS = {"registry.example.com": {"username": "mesh", "password": "Hunter2"}}
AUTHORITY = dict.fromkeys(("ca-cert.pem", "ca-key.pem", "cert-chain.pem", "root-cert.pem"), PEM)
BOTH = {"registryCredentials": json.dumps(ACCOUNTS), "cacerts": json.dumps(AUTHORITY)}


@pytest.fixture(scope="session")
def with_secrets(run_program: Callable[..., RecordingEngine]) -> RecordingEngine:
    """Deploy the program with both secrets."""
    return run_program(concealed="registryCredentials cacerts", **BOTH)


@pytest.mark.parametrize(
    ("secret", "kind"),
    [
        ("istio-istio-registry", "kubernetes.io/dockerconfigjson"),
        ("bookinfo-istio-registry", "kubernetes.io/dockerconfigjson"),
        ("istio-cacerts", "Opaque"),
    ],
)
def test_a_secret_is_one_for_pulumi_too(
    with_secrets: RecordingEngine, secret: str, kind: str
) -> None:
    """Its data reaches the engine marked as secret, so that the state has it encrypted."""
    inputs = with_secrets.inputs(f"Secret/{secret}")

    assert inputs["type"] == kind
    assert inputs["data"][SIGNATURE] == SECRET


def test_nothing_else_has_it(with_secrets: RecordingEngine) -> None:
    """No chart value, no annotation, no output: neither plain nor as in the Secrets' data."""
    secrets = {name for name in with_secrets.requests if name.startswith("Secret/")}
    data = [with_secrets.inputs(name)["data"]["value"].values() for name in secrets]
    elsewhere = [
        *(str(request) for name, request in with_secrets.requests.items() if name not in secrets),
        *(str({**with_secrets.inputs(name), "data": None}) for name in secrets),
        str(with_secrets.cluster.rendered),
        str(with_secrets.outputs),
    ]

    for needle in ("Hunter2", *(text for texts in data for text in texts)):
        assert not [text for text in elsewhere if needle in text]


def test_data_is_secret_by_itself() -> None:
    """Whatever is made of it, Pulumi keeps that secret too."""

    async def is_secret(data: Data | None) -> bool:
        return data is not None and await data.is_secret()

    accounts = {"r": Credentials.model_validate(ACCOUNTS["registry.example.com"])}
    authority = CertificateAuthority.model_validate(AUTHORITY)
    settings = Settings.defaults().model_copy(
        update={"registry_credentials": accounts, "cacerts": authority}
    )
    with asyncio.Runner() as runner:
        assert runner.run(is_secret(pull_secret(settings)))
        assert runner.run(is_secret(ca_secret(settings)))


def test_the_pull_secret_is_docker_s_own_format(with_secrets: RecordingEngine) -> None:
    """A kubelet reads it as the file that `docker login` writes."""
    data = with_secrets.inputs("Secret/bookinfo-istio-registry")["data"]["value"]

    auths = json.loads(base64.b64decode(data[".dockerconfigjson"]))["auths"]
    account = auths["registry.example.com"]
    assert base64.b64decode(account["auth"]) == b"mesh:Hunter2"
    assert (account["username"], account["password"]) == ("mesh", "Hunter2")


def test_pods_pull_with_it(with_secrets: RecordingEngine, deployed: RecordingEngine) -> None:
    """The chart names it in istiod's account, the injector in each pod with a sidecar."""
    values = with_secrets.cluster.rendered["istiod"]["values"]["global"]

    assert values["imagePullSecrets"] == ["istio-registry"]
    assert "imagePullSecrets" not in deployed.cluster.rendered["istiod"]["values"]["global"]


@pytest.mark.parametrize(
    "how",
    [{}, {"injection": "off"}, {"mode": "app", "platformContract": CONTRACT, "releaseDir": ""}],
)
def test_bookinfos_pods_pull_with_it_whoever_injects(
    run_program: Callable[..., RecordingEngine], how: dict[str, Any]
) -> None:
    """Nobody does, or an injector whose platform pulls with other accounts, or with none."""
    engine = run_program(
        concealed="registryCredentials",
        registryCredentials=json.dumps(ACCOUNTS),
        **{key: project.as_text(value) for key, value in how.items()},
    )

    pod = engine.inputs("Deployment/bookinfo-reviews-v1")["spec"]["template"]["spec"]
    assert pod["imagePullSecrets"] == [{"name": "istio-registry"}]


def test_the_ca_has_the_files_that_istiod_looks_for(with_secrets: RecordingEngine) -> None:
    """Four, under the names of Istio's docs."""
    data = with_secrets.inputs("Secret/istio-cacerts")["data"]["value"]

    assert {name: base64.b64decode(text).decode() for name, text in data.items()} == AUTHORITY


def test_both_are_there_before_istiod(with_secrets: RecordingEngine) -> None:
    """It is pulled with the one, and takes the CA that it finds when it starts."""
    assert {"Secret/istio-istio-registry", "Secret/istio-cacerts"} <= with_secrets.waits_for(
        "Deployment/istio-system/istiod"
    )
    assert "Secret/bookinfo-istio-registry" in with_secrets.waits_for(
        "Deployment/bookinfo-reviews-v1"
    )


def test_a_stack_without_secrets_has_none(deployed: RecordingEngine) -> None:
    """An empty cacerts would keep istiod from starting."""
    assert not [name for name in deployed.requests if name.startswith("Secret/")]


@pytest.mark.parametrize("key", BOTH)
def test_a_secret_in_plain_text_is_refused(configure: Callable[..., None], key: str) -> None:
    """It would lie in the stack's file, under git; and the message doesn't show it either."""
    message = refusal(configure, **{key: BOTH[key]})

    assert f"mesh:{key}: must be set with --secret" in message


@pytest.mark.parametrize(
    ("key", "value", "mistake"),
    [
        ("registryCredentials", "Hunter2", "mesh:registryCredentials: must be an object"),
        (
            "registryCredentials",
            {"r.example.com": {"username": "u", "passwort": "Hunter2"}},
            'mesh:registryCredentials["r.example.com"].passwort: no such setting, did you mean '
            "password?, got a secret",
        ),
        (
            "registryCredentials",
            {"r": {"username": "u", "password": ""}},
            "mesh:registryCredentials.r.password: must not be empty",
        ),
        ("cacerts", {"ca-cert.pem": PEM}, 'mesh:cacerts["ca-key.pem"]: must be set'),
        (
            "cacerts",
            {**AUTHORITY, "ca-key.pem": "Hunter2"},
            'mesh:cacerts["ca-key.pem"]: must be in PEM, from its -----BEGIN on, got a secret',
        ),
    ],
)
@pytest.mark.parametrize("concealed", [True, False])
def test_a_mistake_in_a_secret_shows_nothing_of_it(
    configure: Callable[..., None], key: str, value: Any, mistake: str, *, concealed: bool
) -> None:
    """Whether it was set with --secret or not."""
    text = value if isinstance(value, str) else json.dumps(value)

    assert mistake in refusal(configure, concealed=key if concealed else "", **{key: text})


def test_what_is_not_kept_secret_is_no_secret(configure: Callable[..., None]) -> None:
    """A value of a chart is plain text in a ConfigMap: --secret would promise too much."""
    message = refusal(configure, concealed="values", values=json.dumps({"istiod": {"env": {}}}))

    assert "mesh:values: can't be kept secret" in message


def refusal(configure: Callable[..., None], **overrides: str) -> str:
    """Return the message that a config is refused with, which never shows a password."""
    configure(**overrides)
    with pytest.raises(pulumi.RunError) as caught:
        config.read_settings()
    assert "Hunter2" not in str(caught.value)
    return str(caught.value)
