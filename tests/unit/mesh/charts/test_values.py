"""Values that the settings give to charts."""

import json
from collections.abc import Callable

import pytest

from mesh.charts.values import STARTED_WITH, restart_annotations
from mesh.istio.certificates import ROOTS, fingerprints
from mesh.validation import config

BLOCK = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"
OLD, NEW = BLOCK.format("T0xE"), BLOCK.format("TkVX")


def annotations(configure: Callable[..., None], **overrides: str) -> dict[str, str]:
    """Return the annotations of istiod's pods."""
    configure(**overrides)
    return restart_annotations(config.read_settings())


def with_root(configure: Callable[..., None], root: str) -> dict[str, str]:
    """Return them for a CA of the stack's own."""
    files = ("ca-cert.pem", "ca-key.pem", "cert-chain.pem")
    authority = {**dict.fromkeys(files, NEW), "root-cert.pem": root}
    return annotations(configure, concealed="cacerts", cacerts=json.dumps(authority))


def test_most_stacks_have_none(configure: Callable[..., None]) -> None:
    """What istiod follows while it runs restarts nothing."""
    assert annotations(configure, meshConfig='{"accessLogFile": "/dev/stdout"}') == {}


@pytest.mark.parametrize("field", ["trustDomain", "rootNamespace"])
def test_istiod_restarts_with_its_identity(configure: Callable[..., None], field: str) -> None:
    """It reads them when it starts only."""
    one = annotations(configure, meshConfig=json.dumps({field: "one"}))
    other = annotations(configure, meshConfig=json.dumps({field: "other"}))

    assert one[STARTED_WITH] != other[STARTED_WITH]


def test_istiod_restarts_with_its_ca(configure: Callable[..., None]) -> None:
    """A Secret that it has mounted is read when it starts only; only public parts are shown."""
    old, both = with_root(configure, OLD), with_root(configure, OLD + NEW)

    assert old[STARTED_WITH] != both[STARTED_WITH]
    assert both[ROOTS].split(",") == [*fingerprints(OLD), *fingerprints(NEW)]
