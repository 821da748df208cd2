"""The comment on a pull request: what is shown, what is never shown, and that it always fits."""

import copy
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from meshctl.pull_request import changes, comment
from tests.fakes.previews import deployment, digest, obj, released, step

GOLDEN = Path(__file__).parent / "comments"
HOSTILE = "x`\n```\n@octocat <img src=x onerror=alert(1)> | [a](http://b) \u202etxt --><!--"


def write(*texts: str) -> str:
    """Write the comment on what the command printed for some stacks."""
    return comment.comment([changes.read(text, "prod") for text in texts])


def check(name: str, text: str) -> None:
    """Compare with a file; UPDATE_GOLDEN=1 writes it anew."""
    file = GOLDEN / f"{name}.md"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text)
    assert text == file.read_text()


def mesh_config(**fields: Any) -> dict[str, Any]:
    """Return the ConfigMap that holds MeshConfig as YAML in a text."""
    lines = "".join(f"{key}: {json.dumps(value)}\n" for key, value in fields.items())
    return obj("ConfigMap", "istio", "istio-system", data={"mesh": f"# mesh\n{lines}"})


def everything() -> list[dict[str, Any]]:
    """Return one change of each sort, the harmless ones first."""
    service = obj("Service", "istiod", "istio-system")
    old, new = deployment("istiod", "pilot:1.30.3"), deployment("istiod", "pilot:1.30.4", LOG="all")
    crd = obj("CustomResourceDefinition", "gateways.networking.istio.io")
    kept = obj("CustomResourceDefinition", "sidecars.networking.istio.io")
    webhook = obj("MutatingWebhookConfiguration", "istio-sidecar-injector", webhooks=[])
    moved = {**webhook, "webhooks": [{"name": "namespace.sidecar-injector.istio.io"}]}
    reasons = {"replaceReasons": ["webhooks"]}
    return [
        step("create", None, obj("ServiceAccount", "reviews", "bookinfo")),
        step("same", service, service),
        step("update", service, released(service, "1.30.4")),
        step("update", old, released(new, "1.30.4")),
        step("update", mesh_config(accessLogFile=""), mesh_config(accessLogFile="/dev/stdout")),
        {**step("create-replacement", webhook, moved), **reasons},
        {**step("replace", webhook, moved), **reasons},
        step("delete-replaced", webhook),
        step("delete", crd),
        step("delete", kept, retainOnDelete=True),
        step("delete", obj("Service", "details", "bookinfo")),
    ]


def test_the_most_dangerous_comes_first() -> None:
    """CRDs, webhooks and namespaces that go, then deleted, replaced, updated, created."""
    text = write(digest(*everything()))

    check("everything", text)
    titles = re.findall(r"^### (.*) \(\d+\)$", text, re.MULTILINE)
    assert titles == [comment.SHARED, "Deleted", "Updated", "Created"]


@pytest.mark.parametrize("count", [1, 60, 500])
def test_every_preview_fits(count: int) -> None:
    """In 65,536 bytes, with the number of what is left out; the full text has each change."""
    steps = []
    for i in range(count):
        old = deployment(f"ällerlei-{i}", "pilot:1")
        steps.append(step("update", old, deployment(f"ällerlei-{i}", "pilot:2", TEXT="ü" * 500)))
    previews = [changes.read(digest(*steps), "prod")]

    text = comment.comment(previews)
    full = comment.full(previews)

    assert len(text.encode()) < 65_536
    shown = text.count("<details")
    assert f"**{count} to update**" in text
    assert (f"**{count - shown} more** are in" in text) == (count > shown)
    assert full.count("<details") == full.count("ü" * 500) == count
    assert text.count("```") % 2 == 0
    assert text.count("<details") == text.count("</details>")


def test_several_stacks_share_the_space() -> None:
    """What a small one leaves is the large one's, and each has its heading."""
    large = digest(*(step("create", None, obj("Secret", f"s-{i}", "a" * 60)) for i in range(2_000)))
    small = digest(step("delete", obj("Namespace", "bookinfo")))

    text = write(small, large, large)

    assert 60_000 < len(text.encode()) < 65_536
    assert text.count("## Preview of stack") == 3
    assert "Namespace bookinfo" in text


def test_one_release_more_is_one_line() -> None:
    """A patch release touches the labels of all objects, which says nothing of any of them."""
    olds = [obj("Service", f"service-{i}", "istio-system") for i in range(33)]
    olds.append(deployment("istiod", "pilot:1.30.3"))
    steps = [step("update", old, released(old, "1.30.4")) for old in olds]

    text = write(digest(*steps))

    check("version-labels", text)
    assert "34 objects: only version labels" in text
    assert "service-0" not in text


def test_a_label_that_is_selected_by_is_no_noise() -> None:
    """A revision decides whose sidecar a pod gets."""
    old = obj("Namespace", "bookinfo")
    new = copy.deepcopy(old)
    new["metadata"]["labels"]["istio.io/rev"] = "1-30-3"

    assert '+ metadata.labels["istio.io/rev"]: 1-30-3' in write(digest(step("update", old, new)))


def test_a_document_in_a_text_is_compared_as_one() -> None:
    """YAML and JSON by field, other texts line by line."""
    olds = {
        "mesh": "a: 1\nlist:\n- name: x\n  value: 1\n",
        "values": '{"global": {"tag": "1.30.3"}}',
        "template": "{{ if a }}\none\ntwo\nthree\nfour\n{{ end }}\n",
        "order": "a: 1\nb: 2\n",
    }
    news = {
        "mesh": "list:\n- name: x\n  value: 2\na: 1\n",
        "values": '{"global": {"tag": "1.30.4"}}',
        "template": "{{ if a }}\none\ntwo\n3\nfour\n{{ end }}\n",
        "order": "b: 2\na: 1\n",
    }
    old, new = (obj("ConfigMap", "istio", "istio-system", data=data) for data in (olds, news))

    check("documents", write(digest(step("update", old, new))))


HIDDEN = "hunter2"
PRIVATE_KEY = f"-----BEGIN RSA PRIVATE KEY-----\n{HIDDEN}\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            obj("Secret", "s", data={"a": "aHVudGVyMQ==", "n": {"a": HIDDEN}}),
            obj("Secret", "s", data={"a": HIDDEN, "b": HIDDEN}, stringData={"c": HIDDEN}),
        ),
        (deployment("d", "i", SIGNING_TOKEN=""), deployment("d", "i", SIGNING_TOKEN=HIDDEN)),
        (deployment("d", "i"), deployment("d", "i", API_TOKEN=HIDDEN)),
        (
            obj("ConfigMap", "c", data={"mesh": "password: old\nx: {token: 1}\n"}),
            obj("ConfigMap", "c", data={"mesh": f"password: {HIDDEN}\nx: {{token: {HIDDEN}}}\n"}),
        ),
        (
            obj("ConfigMap", "c", data={"ca": "x\ny"}),
            obj("ConfigMap", "c", data={"ca": f"x\ny\n{PRIVATE_KEY}"}),
        ),
        (
            obj("ConfigMap", "c", data={"url": "none"}),
            obj("ConfigMap", "c", data={"url": f"https://me:{HIDDEN}@example.com"}),
        ),
        (
            obj("ConfigMap", "c", data={"t": "{{ x }}\ntoken: a\n"}),
            obj("ConfigMap", "c", data={"t": f"{{{{ x }}}}\ntoken: {HIDDEN}\n"}),
        ),
        (
            obj("ConfigMap", "c", data={}),
            obj(
                "ConfigMap",
                "c",
                data={"k": {"4dabf18193072939515e22adb298388d": "1b47", "plaintext": HIDDEN}},
            ),
        ),
        (
            obj("Service", "s"),
            {
                "kind": "Service",
                "metadata": {
                    "name": "s",
                    "annotations": {
                        "kubectl.kubernetes.io/last-applied-configuration": HIDDEN,
                        "note": "changed",
                    },
                },
            },
        ),
    ],
)
def test_a_secret_is_never_shown(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Neither in the comment nor in the full text, added, changed or removed; its change is."""
    for steps in (step("update", old, new), step("update", new, old), step("replace", old, new)):
        previews = [changes.read(digest(steps), "prod")]
        for text in (comment.comment(previews), comment.full(previews)):
            assert HIDDEN not in text
            assert "aHVudGVyMQ" not in text
            assert "<details" in text


def test_a_provider_that_holds_a_whole_kubeconfig_hides_it() -> None:
    """It is a file's path in this program, and a text with keys where somebody passes one."""
    provider = {"op": "create", "urn": "urn:pulumi:prod::mesh::pulumi:providers:kubernetes::a"}
    old, new = ({"custom": True, "inputs": {"kubeconfig": text}} for text in ("path", HIDDEN))

    text = write(digest({**provider, "op": "replace", "oldState": old, "newState": new}))

    assert comment.SHARED in text
    assert "kubeconfig: [secret]" in text
    assert HIDDEN not in text


def test_a_change_that_only_the_provider_sees_is_named() -> None:
    """Both sides of one of Pulumi's own secrets read the same."""
    secret = obj("Secret", "mysql-credentials", "bookinfo", data="[secret]")
    change = {**step("update", secret, secret), "detailedDiff": {"data.rootpasswd": {}}}

    assert "~ data.rootpasswd: [secret] or computed" in write(digest(change))


def test_what_others_write_stays_text() -> None:
    """No name, value or message ends its code block, mentions anybody or becomes HTML."""
    old = obj("ConfigMap", HOSTILE, HOSTILE, data={"a": "b"})
    new = {**obj("ConfigMap", HOSTILE, HOSTILE, data={"a": HOSTILE}), HOSTILE: HOSTILE}
    gone = obj(HOSTILE, HOSTILE)
    said = [{"severity": "error", "message": HOSTILE}, {"severity": "warning", "message": HOSTILE}]
    steps = [step("update", old, new), step("delete", gone), step("create", None, gone)]
    steps[0]["replaceReasons"] = [HOSTILE]
    steps[0]["urn"] = steps[0]["urn"].replace("prod", HOSTILE)

    text = write(digest(*steps, diagnostics=said))

    check("hostile", text)
    assert "\u202e" not in text
    outside = re.sub(r"^(`{3,})[^\n]*\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    outside = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", outside)
    outside = re.sub(r"<code>[^<>]*</code>", "", outside)
    assert "@octocat" not in outside
    assert "<img" not in outside
    assert "](" not in outside


def test_nothing_to_do_is_one_line() -> None:
    """Below the heading, and with no section."""
    text = write(digest(step("same", obj("Service", "s"), obj("Service", "s"))))

    check("nothing", text)


@pytest.mark.parametrize(
    "text",
    [
        digest(diagnostics=[{"severity": "error", "message": "error: no context 'my-cluster'"}]),
        "error: no context 'my-cluster'\n",
        '✓ helm 3.20.2\n{"config": {}, "steps": [],\n error: no context \'my-cluster\'',
        json.dumps({"sequence": 1, "diagnosticEvent": {"message": "no context 'my-cluster'",
                    "severity": "error", "prefix": "error: "}}),
    ],
)  # fmt: skip
def test_a_preview_that_fails_says_why(text: str) -> None:
    """With Pulumi's own message, or the log where there is none; never as if nothing changed."""
    shown = write(text)

    assert "**The preview failed**" in shown
    assert "no context 'my-cluster'" in shown
    assert "No changes" not in shown


def test_a_preview_that_ends_early_has_failed() -> None:
    """Without a summary nobody knows what is missing."""
    assert "**The preview failed**" in write(json.dumps({"config": {}, "steps": everything()}))


def test_an_empty_output_is_a_failure() -> None:
    """Not a preview without changes."""
    assert "the preview printed nothing" in write("")


def test_the_stream_says_the_same_as_the_digest() -> None:
    """PULUMI_ENABLE_STREAMING_JSON_PREVIEW has other names for it, and what policies found."""
    names = {"oldState": "old", "newState": "new", "replaceReasons": "keys"}
    events: list[dict[str, Any]] = [
        {"resourcePreEvent": {"metadata": {names.get(k, k): v for k, v in each.items()}}}
        for each in everything()
    ]
    events.append({"summaryEvent": {"resourceChanges": {"same": 74}}})
    lines = [json.dumps({"sequence": i, **event}) for i, event in enumerate(events)]

    assert write("\n".join(lines)) == write(digest(*everything()))

    policy = {"policyName": "no-node-port", "enforcementLevel": "mandatory", "message": "NodePort"}
    lines.append(json.dumps({"sequence": 99, "policyEvent": policy}))
    assert "policy no-node-port: NodePort" in write("\n".join(lines))
