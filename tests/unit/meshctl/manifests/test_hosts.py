"""Hosts: how Istio completes them, and which Services they stand for."""

import pytest

from meshctl.manifests import hosts

DOMAIN = "corp.example"


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("cart", ("shop", "cart")),
        ("cart.bank.svc.corp.example", ("bank", "cart")),
        ("cart.bank", None),
        ("cart.bank.svc", None),
        ("cart.bank.svc.cluster.local", None),
        ("a.cart.bank.svc.corp.example", None),
        ("*.bank.svc.corp.example", None),
        ("svc.corp.example", None),
        ("*", None),
    ],
)
def test_a_service_has_a_short_and_a_full_host(host: str, place: tuple[str, str] | None) -> None:
    """A name with a dot is completed by nobody."""
    full = hosts.full(host, "shop", DOMAIN)

    assert hosts.service_of(full, DOMAIN) == place
