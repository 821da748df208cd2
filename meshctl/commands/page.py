"""Bookinfo's page at the end of an `up`: its URL, which a sandbox is asked for first."""

import json
import time
from urllib.parse import urlsplit, urlunsplit

import httpx2

import console
from meshctl.workspace.stack import Workspace

PATIENCE = 15.0
"""Seconds in which the page must answer: pods are ready before istiod told all about them."""
PAUSE = 0.2


def show(workspace: Workspace, url: str) -> None:
    """Print the page's URL: on a sandbox once it answers, or with the reason why it doesn't."""
    if workspace.sandbox is None:
        console.say(f"Bookinfo: {url}, at the address of its gateway")
        return
    if workspace.sandbox.why_fake is not None:
        console.say(
            f"nothing answers at {url}: pods are only objects ({workspace.sandbox.why_fake})"
        )
        return
    places = _places(workspace, url)
    if not places:
        console.say(
            f"nothing answers at {url}: no LoadBalancer Service with this port has pods that are "
            "processes. `make tables` shows Services and pods; a gateway gets such a Service by "
            "`serviceType: LoadBalancer` in the setting gateways"
        )
        return
    with console.alive(f"Bookinfo: waiting until {places[0]} answers"):
        place, said = _ask_all(places, url)
    if said == "200":
        console.done("Bookinfo", f"{place} answers 200")
        return
    console.say(
        f"{place} answers {said}: {workspace.make('verify')} may find the reason, "
        f"{workspace.make('sandbox-logs')} shows the logs"
    )


def _ask_all(places: list[str], url: str) -> tuple[str, str]:
    """Ask the URLs in turn until one answers 200; return one of them, and what it answered."""
    began, answers = time.monotonic(), {places[0]: "nothing"}
    while time.monotonic() - began < PATIENCE:
        for place in places:
            answers[place] = _ask(place, url)
            if answers[place] == "200":
                return place, "200"
        time.sleep(PAUSE)
    return places[0], answers[places[0]]


def _places(workspace: Workspace, url: str) -> list[str]:
    """Return the URL as this machine can open it: with the port of 127.0.0.1 that stands in."""
    assert workspace.sandbox is not None  # noqa: S101 - the caller has looked
    parts = urlsplit(url)
    wanted = parts.port or {"http": 80, "https": 443}[parts.scheme]
    file = workspace.sandbox.local_ports
    ports = json.loads(file.read_text()) if file.exists() else []
    return [
        url
        if port["local"] == wanted
        else urlunsplit(parts._replace(netloc=f"{parts.hostname}:{port['local']}"))
        for port in ports
        if port["port"] == wanted
    ]


def _ask(place: str, url: str) -> str:
    """Return the status with which 127.0.0.1 answers for the URL's host, as a browser asks."""
    parts = urlsplit(place)
    host = str(parts.hostname)
    local = place.replace(host, "127.0.0.1", 1)
    # Its certificate may be of any CA: this asks whether something answers, not who.
    client = httpx2.Client(verify=False, trust_env=False, timeout=5)
    headers, extensions = {"Host": urlsplit(url).netloc}, {"sni_hostname": host}
    try:
        with client:
            reply = client.get(local, headers=headers, extensions=extensions)
    except httpx2.HTTPError as error:
        return f"nothing ({error})"
    return str(reply.status_code)
