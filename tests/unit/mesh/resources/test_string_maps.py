"""Maps of strings in rendered objects: what Kubernetes would refuse, with the setting."""

from typing import Any

import pulumi
import pytest

from mesh.resources import string_maps

META: dict[str, Any] = {"name": "istiod"}
IN_POD = {"kind": "Deployment", "metadata": META}


def refuse(manifest: dict[str, Any], values: dict[str, Any] | None = None) -> None:
    """Look at an object of istiod's chart."""
    string_maps.refuse_other_than_text(manifest, values or {}, "values.istiod")


def test_the_place_and_the_setting_are_named() -> None:
    """The API server would name neither the setting nor the remedy."""
    annotations = {"example.com/scrape": True}
    template = {"metadata": {"annotations": annotations}}

    with pytest.raises(pulumi.RunError) as caught:
        refuse({**IN_POD, "spec": {"template": template}}, {"podAnnotations": annotations})

    assert str(caught.value) == (
        'Deployment istiod has True at spec.template.metadata.annotations["example.com/scrape"], '
        "where Kubernetes takes text only: write it in quotes in "
        'mesh:values.istiod.podAnnotations["example.com/scrape"], or set it with '
        "`pulumi config set --type string --path`"
    )


@pytest.mark.parametrize(
    "spec",
    [
        {"template": {"metadata": {"labels": {"tier": 1}}}},
        {"template": {"spec": {"nodeSelector": {"gpu": False}}}},
        {"selector": {"matchLabels": {"tier": 1.5}}},
        {"template": {"spec": {"containers": [{"env": [{"name": "A", "value": 1}]}]}}},
    ],
)
def test_every_map_of_strings_is_looked_at(spec: dict[str, Any]) -> None:
    """Labels, selectors, and the variables of a container."""
    with pytest.raises(pulumi.RunError, match="where Kubernetes takes text only"):
        refuse({**IN_POD, "spec": spec})


@pytest.mark.parametrize(
    "spec",
    [
        {"template": {"metadata": {"labels": {"tier": "1"}, "annotations": None}}},
        {"replicas": 1, "containers": [{"env": [{"name": "A", "valueFrom": {}}], "stdin": True}]},
    ],
)
def test_text_passes(spec: dict[str, Any]) -> None:
    """And so do numbers where they belong."""
    refuse({**IN_POD, "spec": spec})
