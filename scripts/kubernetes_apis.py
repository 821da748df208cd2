"""Make mesh/kubernetes/apis.json from the lifecycles in Kubernetes' own Go modules.

venv/bin/python -m scripts.kubernetes_apis 0.33.0 0.36.3 (versions of k8s.io/api, oldest first: a
version leaves out what has been gone for long)
"""

import json
import re
import sys
from pathlib import Path

from mesh.kubernetes.apis import FILE
from mesh.project import PROJECT
from scripts.go_module import download

MODULES = ("k8s.io/api", "k8s.io/apiextensions-apiserver", "k8s.io/kube-aggregator")
GENERATED = "zz_generated.prerelease-lifecycle.go"
MARK = re.compile(
    r"func \(in \*(\w+)\) APILifecycle(Introduced|Removed)\(\) .*\{\s*return (\d+), (\d+)"
)
GROUP = re.compile(r'^const GroupName = "([\w.]*)"', re.MULTILINE)

Table = dict[str, dict[str, dict[str, str]]]


def read(module: Path, table: Table) -> None:
    """Add what a module says of its kinds: by API version and kind, the minors of Kubernetes."""
    for generated in sorted(module.rglob(GENERATED)):
        group = GROUP.search((generated.parent / "register.go").read_text())
        if group is None:
            # Its parent folder has the group's name, in a module whose types are its own.
            group = GROUP.search((generated.parent.parent / "register.go").read_text())
        assert group is not None, generated  # noqa: S101
        api = "/".join(filter(None, (group[1], generated.parent.name)))
        for kind, event, major, minor in MARK.findall(generated.read_text()):
            if not kind.endswith("List"):
                kinds = table.setdefault(api, {})
                kinds.setdefault(kind, {})[event.lower()] = f"{major}.{minor}"


def main() -> None:
    """Make the table from the versions that the command line names; later ones win."""
    if not sys.argv[1:]:
        sys.exit(__doc__)
    table: Table = {}
    for version in sys.argv[1:]:
        for module in MODULES:
            read(download(module, version), table)
    content = {
        "source": [f"{module}@v{version}" for version in sys.argv[1:] for module in MODULES],
        "apis": {api: dict(sorted(kinds.items())) for api, kinds in sorted(table.items())},
    }
    FILE.write_text(json.dumps(content, indent=1) + "\n")
    print(FILE.relative_to(PROJECT))


if __name__ == "__main__":
    main()
