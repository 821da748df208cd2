"""Tables of the services and pods of the mesh and of Bookinfo, as kubectl prints them."""

import sys

from meshctl.commands import page
from meshctl.workspace.stack import Workspace, WorkspaceError


def show(workspace: Workspace) -> None:
    """Print the services and pods of the stack's namespaces, and the URL of Bookinfo's page."""
    outputs = workspace.outputs()
    if "namespaces" not in outputs:
        raise WorkspaceError(
            f"stack {workspace.stack} isn't deployed: run {workspace.make('up')} first"
        )
    for what in ("svc", "pods"):
        listed = workspace.kubectl("get", what, "--all-namespaces")
        header, *rows = listed.splitlines()
        ours = [row for name in outputs["namespaces"] for row in rows if row.split()[0] == name]
        sys.stdout.write("\n".join(["", header, *ours, ""]))
    sys.stdout.flush()
    if url := outputs.get("bookinfoUrl"):
        page.show(workspace, url)
