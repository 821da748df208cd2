"""Serve the stand-in plugin: `python -m sandbox.kubernetes_plugin [engine-address]`."""

import sys
from importlib.util import find_spec
from types import ModuleType

_PACKAGES = (("pulumi", ("", ".runtime", ".runtime.proto")), ("lightkube", ("", ".core")))


def _leave_out_the_rest() -> None:
    """Let the engine's messages and kubeconfigs be imported without the rest of their packages.

    The packages import all they have, which takes as long as everything that a plugin needs.
    """
    for top, inner in _PACKAGES:
        spec = find_spec(top)
        folders = list(spec.submodule_search_locations or ()) if spec else []
        for name in inner:
            package = ModuleType(top + name)
            package.__path__ = [folder + name.replace(".", "/") for folder in folders]
            sys.modules[top + name] = package


if __name__ == "__main__":
    _leave_out_the_rest()
    from .server import serve

    serve(sys.argv[1:])
