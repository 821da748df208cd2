"""Serve the stand-in plugin: `python -m sandbox.kubernetes_plugin [engine-address]`."""

import sys
from importlib.util import find_spec
from types import ModuleType


def _leave_out_the_sdk() -> None:
    """Let the engine's messages be imported without the rest of Pulumi's SDK.

    The SDK's packages import all of it, which takes as long as everything that a plugin needs.
    """
    spec = find_spec("pulumi")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for name in ("pulumi", "pulumi.runtime", "pulumi.runtime.proto"):
        package = ModuleType(name)
        inner = name.removeprefix("pulumi").replace(".", "/")
        package.__path__ = [folder + inner for folder in folders]
        sys.modules[name] = package


if __name__ == "__main__":
    _leave_out_the_sdk()
    from .server import serve

    serve(sys.argv[1:])
