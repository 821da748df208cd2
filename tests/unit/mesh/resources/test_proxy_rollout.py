"""The rollout of a proxy that istiod deploys: waited for until all its pods are new and ready."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mesh.resources import proxy_rollout
from mesh.resources.proxy_rollout import ProxyRolloutProvider, lacking
from tests.fakes.api_server import Answer, Request, cluster_at, serving

IMAGE = "docker.io/istio/proxyv2:1.30.3"
DONE: dict[str, Any] = {
    "metadata": {"name": "public-istio", "generation": 3},
    "spec": {
        "replicas": 2,
        "template": {
            "metadata": {"annotations": {"istio.io/rev": "1-30-3"}},
            "spec": {"containers": [{"name": "istio-proxy", "image": IMAGE}]},
        },
    },
    "status": {
        "observedGeneration": 3,
        "replicas": 2,
        "updatedReplicas": 2,
        "availableReplicas": 2,
    },
}


def live(**status: int) -> dict[str, Any]:
    """Return the Deployment with another status."""
    return {**DONE, "status": {**DONE["status"], **status}}


def of(revision: str, image: str) -> dict[str, Any]:
    """Return the Deployment with another template."""
    other = copy.deepcopy(DONE)
    template = other["spec"]["template"]
    template["metadata"]["annotations"] = {"istio.io/rev": revision}
    template["spec"]["containers"][0]["image"] = image
    return other


@pytest.mark.parametrize(
    ("deployment", "reason"),
    [
        (DONE, ""),
        (of("1-30-3", f"{IMAGE}-distroless"), ""),
        (of("1-30-3", f"{IMAGE}@sha256:0"), ""),
        (of("1-29-3", IMAGE), "it has proxies of revision 1-29-3, not of 1-30-3 yet"),
        (of("1-30-3", "r/proxyv2:1.29.3"), "it has r/proxyv2:1.29.3, not 1.30.3 yet"),
        (live(observedGeneration=2), "0 of 2 new pods are ready"),
        (live(updatedReplicas=1), "1 of 2 new pods are ready"),
        (live(availableReplicas=0), "0 of 2 new pods are ready"),
        (live(replicas=3), "2 of 2 new pods are ready"),
    ],
)
def test_it_is_done_when_only_new_pods_are_left(deployment: dict[str, Any], reason: str) -> None:
    """A Gateway stays programmed by its old pods meanwhile."""
    assert lacking(deployment, {"revision": "1-30-3", "version": "1.30.3"}) == reason


@pytest.mark.parametrize(("replicas", "reason"), [(2.0, ""), (3.0, "it has 2 replicas, not 3 yet")])
def test_it_waits_for_the_wanted_replicas(replicas: float, reason: str) -> None:
    """Istiod reads their number a moment after the Gateway; the engine keeps it as a float."""
    wanted = {"revision": "1-30-3", "version": "1.30.3", "replicas": replicas}

    assert lacking(DONE, wanted) == reason


@pytest.fixture
def wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Return a wait for what an API server answers in turn, the last answer for ever."""
    monkeypatch.setattr(proxy_rollout, "PAUSE", 0.01)
    monkeypatch.setattr(proxy_rollout, "SETTLE", 0.01)
    monkeypatch.setattr(proxy_rollout, "PATIENCE", 0.5)

    def waited(*answers: Answer, context: str = "sandbox") -> list[str]:
        asked: list[str] = []

        def answer(request: Request) -> Answer:
            asked.append(request.path)
            return answers[min(len(asked), len(answers)) - 1]

        with serving(answer) as url:
            cluster = cluster_at(url, tmp_path)
            props = {
                "kubeconfig": str(cluster.kubeconfig),
                "context": context and cluster.context,
                "deployment": "public-istio",
                "namespace": "edge",
                "revision": "1-30-3",
                "version": "1.30.3",
                "template": "a",
            }
            ProxyRolloutProvider().create(props)
        return asked

    return waited


def test_an_update_waits_for_it(wait: Callable[..., list[str]]) -> None:
    """Until istiod has created it, and its pods are there."""
    asked = wait((404, {}), (200, live(updatedReplicas=0)), (200, DONE))

    assert asked == ["/apis/apps/v1/namespaces/edge/deployments/public-istio"] * 3


def test_a_render_asks_no_cluster(wait: Callable[..., list[str]]) -> None:
    """There is none."""
    assert wait((200, DONE), context="") == []


def test_who_waits_in_vain_is_told_for_what(wait: Callable[..., list[str]]) -> None:
    """The object, what it lacks, and the command that tells why."""
    with pytest.raises(RuntimeError) as caught:
        wait((200, live(availableReplicas=1)))

    assert "Deployment public-istio in namespace edge" in str(caught.value)
    assert "1 of 2 new pods are ready. `kubectl describe gateway,deployment,pods" in str(
        caught.value
    )


@pytest.mark.parametrize("key", ["revision", "version", "template"])
def test_the_preview_shows_what_rolls_it(key: str) -> None:
    """Another revision behind its tag, another Istio, other values of istiod's template."""
    olds = dict.fromkeys(("revision", "version", "template", "deployment", "namespace"), "a")
    provider = ProxyRolloutProvider()

    assert provider.diff("", olds, {**olds, key: "b"}).changes
    assert not provider.diff("", olds, olds).changes
