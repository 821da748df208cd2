"""A copy of this checkout in which a test may write what it likes."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mesh.project import PROJECT
from sandbox.cluster import Sandbox


@dataclass(frozen=True)
class Checkout:
    """A copy, and the sandbox that its stacks are deployed to."""

    folder: Path
    sandbox: Sandbox

    @classmethod
    def make(cls, folder: Path, sandbox: Sandbox) -> "Checkout":
        """Copy what git knows or would, and link what it ignores and takes long to make."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for name in filter(None, listed.split("\0")):
            if (PROJECT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(PROJECT / name, folder / name)
        for name in ("venv", "releases"):
            (PROJECT / name).mkdir(exist_ok=True)
            (folder / name).symlink_to(PROJECT / name)
        return cls(folder, sandbox)

    def start(self, *arguments: str, stack: str = "dev", **environment: str) -> subprocess.Popen:
        """Start a command of `python -m meshctl` in a session of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "meshctl", *arguments],
            cwd=self.folder,
            env={
                **{k: v for k, v in os.environ.items() if k != "KUBECONFIG"},
                "STACK": stack,
                "SANDBOX": self.sandbox.name,
                # kubectl caches a server's kinds by its address, which another one may have had.
                "KUBECACHEDIR": str(self.sandbox.folder / "kubectl"),
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def fails(self, *arguments: str, stack: str = "dev", **environment: str) -> str:
        """Run a command that must fail, and return what it said."""
        process = self.start(*arguments, stack=stack, **environment)
        said, _ = process.communicate(timeout=600)
        assert process.returncode not in (0, None), said
        assert "Traceback" not in said, said
        return said

    def mesh(self, *arguments: str, stack: str = "dev", **environment: str) -> str:
        """Run a command that must succeed, and return what it said."""
        process = self.start(*arguments, stack=stack, **environment)
        said, _ = process.communicate(timeout=900)
        assert process.returncode == 0, said
        return said

    @contextmanager
    def configured(self, stack: str = "dev", **settings: Any) -> Generator[None]:
        """Set the stack's config, such as meshConfig={...}; what was there comes back after."""
        file = self.folder / f"Pulumi.{stack}.yaml"
        before = file.read_text()
        config = {f"mesh:{key}": value for key, value in settings.items()}
        file.write_text(yaml.safe_dump({"config": config}))
        try:
            yield
        finally:
            file.write_text(before)

    def changes(self, *arguments: str, stack: str = "dev") -> dict[str, str]:
        """Preview, and return what would change: operation by resource name."""
        steps = self.preview(*arguments, stack=stack)["steps"]
        return {
            step["urn"].rsplit("::", 1)[1]: step["op"]
            for step in steps
            if step["op"] not in ("same", "read", "refresh")
        }

    def preview(self, *arguments: str, stack: str = "dev") -> dict[str, Any]:
        """Preview, and return Pulumi's own account of it."""
        said = self.mesh("preview", "--", "--json", *arguments, stack=stack)
        return json.loads(said[said.index("\n{") :])

    def state(self, stack: str = "dev") -> list[dict[str, Any]]:
        """Return the resources of the stack's exported state."""
        exported = json.loads(self.pulumi("stack", "export", "--stack", stack))
        return exported["deployment"].get("resources") or []

    def pulumi(self, *arguments: str) -> str:
        """Run plain pulumi as in a shell with `make env`'s lines, and return what it prints."""
        return self.shell("pulumi " + " ".join(arguments))

    def kubectl(self, *arguments: str) -> Any:
        """Return what kubectl prints, as JSON."""
        sandbox = self.sandbox
        own = (f"--kubeconfig={sandbox.kubeconfig}", f"--cache-dir={sandbox.folder / 'kubectl'}")
        command = ["kubectl", *own, *arguments]
        answer = subprocess.run(
            [*command, "-o", "json"], capture_output=True, text=True, check=True, timeout=120
        )
        return json.loads(answer.stdout)

    def shell(self, line: str) -> str:
        """Run a line in a shell that has evaluated what `make env` prints."""
        answer = subprocess.run(
            ["bash", "-ec", f'eval "$({sys.executable} -m meshctl env 2>/dev/null)"\n{line}'],
            cwd=self.folder,
            env={**os.environ, "SANDBOX": self.sandbox.name},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout
