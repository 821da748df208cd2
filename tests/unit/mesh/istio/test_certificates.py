"""Root certificates, by their fingerprints."""

import subprocess
from pathlib import Path

import pytest

from mesh.istio.certificates import fingerprints, short

BLOCK = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"
A, B = BLOCK.format("QUFB"), BLOCK.format("QkJC")


def test_a_fingerprint_is_openssls(tmp_path: Path) -> None:
    """A person compares it with what openssl prints."""
    options = ["-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=root", "-keyout", "key.pem"]
    try:
        subprocess.run(
            ["openssl", "req", *options, "-out", "cert.pem"],
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        pytest.skip("no openssl to make a certificate with")
    printed = subprocess.run(
        ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", "cert.pem"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    (found,) = fingerprints((tmp_path / "cert.pem").read_text())

    assert found == printed.strip().partition("=")[2].replace(":", "").lower()


def test_a_bundle_has_several() -> None:
    """Each once, in their order; what isn't a certificate has none."""
    assert fingerprints(A + B + A) == (*fingerprints(A), *fingerprints(B))
    assert fingerprints("-----BEGIN PRIVATE KEY-----\nQUFB\n-----END PRIVATE KEY-----\n") == ()
    assert short(fingerprints(A)) == fingerprints(A)[0][:12]
