"""Where a stack's Pulumi runs: its cluster, its backend, its plugin and the programs it needs."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

import console
from console import UserError
from mesh import project
from mesh.istio import release
from mesh.kubernetes import cluster, watch_list
from mesh.kubernetes.cluster import PLUGIN_VERSION, SANDBOX, Cluster
from mesh.project import PROJECT
from sandbox import control_plane, kubernetes_plugin, lock, toolchain
from sandbox.cluster import Sandbox
from sandbox.kubernetes_plugin import SDK_VERSION, Plugin
from sandbox.programs import ISTIO, PULUMI


class WorkspaceError(UserError):
    """The stack can't be worked on; the message says why and what helps."""


def stacks(folder: Path) -> list[str]:
    """Name the stacks that have a file in a checkout; a name may have dots, as a version has."""
    files = folder.glob("Pulumi.*.yaml")
    return sorted(file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in files)


@dataclass(frozen=True)
class Workspace:
    """A stack of this project, on the sandbox unless its config names a context."""

    stack: str
    sandbox_name: str

    @property
    def name(self) -> str:
        """The stack's own name, which its file has; `stack` may be ORGANIZATION/PROJECT/STACK."""
        return self.stack.rpartition("/")[2]

    @cached_property
    def _content(self) -> dict[str, Any]:
        file = self.config_file
        return (yaml.safe_load(file.read_text()) if file.exists() else None) or {}

    @cached_property
    def config(self) -> dict[str, object]:
        """The stack's own config: what differs from the defaults in Pulumi.yaml."""
        return self._content.get("config") or {}

    def setting(self, key: str) -> str:
        """Return a setting of the stack as text, or its default."""
        return str(self._value(key))

    def _value(self, key: str) -> Any:
        declared = project.read(PROJECT)
        for name in (f"{declared['name']}:{key}", key):
            if name in self.config:
                return self.config[name]
        return declared["config"][key]["default"]

    @property
    def releases(self) -> list[tuple[str, str]]:
        """The Istio releases that the stack needs: each version, and its folder or nothing."""
        if self.setting("mode") == "app":  # its Istio is the platform's
            return []
        canary = self._value("canary")
        named = [(self.setting("istioVersion"), self.setting("releaseDir"))]
        # What is wrong with a canary is for mesh.settings.schema to say, in the program.
        if isinstance(canary, dict) and canary.get("istioVersion"):
            named.append((str(canary["istioVersion"]), str(canary.get("releaseDir") or "")))
        return named

    @property
    def context(self) -> str:
        """The context that the stack's config names; empty = the sandbox's.

        Raises WorkspaceError for a stack whose context may be in an ESC environment.
        """
        named = self.setting("context")
        if not named and self._content.get("environment"):
            raise WorkspaceError(
                f"stack {self.stack} takes settings from an ESC environment, which only Pulumi "
                f"itself can read: put its context into {self.config_file.name}, and with it what "
                "else differs of istioVersion, releaseDir, kubeconfig and mode; or use plain pulumi"
            )
        return named

    @property
    def sandbox(self) -> Sandbox | None:
        """The stack's sandbox, or None when it has a cluster of its own.

        A stack for an older Kubernetes that sandboxes have gets one beside the named one.
        """
        if self.context:
            return None
        return Sandbox(control_plane.sandbox_for(self.sandbox_name, self.setting("kubeVersion")))

    @property
    def cluster(self) -> Cluster:
        """The stack's cluster: the one that its config names, or the sandbox.

        Raises WorkspaceError when the sandbox isn't up, pulumi.RunError for an unknown context.
        """
        if self.sandbox is None:
            file = self.setting("kubeconfig")
            return cluster.named(self.context, Path(file) if file else None)
        if not self.sandbox.kubeconfig.exists():
            raise WorkspaceError(f"sandbox {self.sandbox_name} isn't there: `make up` starts it")
        return Cluster(kubeconfig=self.sandbox.kubeconfig, context=self.sandbox.context)

    @cached_property
    def _tools(self) -> tuple[Plugin, dict[str, Path]]:
        """Get the Kubernetes plugin, and the programs that the stack needs here."""
        return kubernetes_plugin.find(
            (
                *(self.sandbox.control_plane.families if self.sandbox else ()),
                PULUMI,
                *((ISTIO,) if self._lacks_istioctl() else ()),
            )
        )

    @property
    def plugin(self) -> Plugin:
        """The Kubernetes plugin that Pulumi runs with."""
        return self._tools[0]

    @cached_property
    def environment(self) -> dict[str, str]:
        """What a shell needs so that plain `pulumi` and `kubectl` work on the stack.

        Gets the programs that are missing. Raises ToolchainError.
        """
        programs = self._tools[1]
        folders = [Path(sys.executable).parent, programs["pulumi"].parent]
        if "istioctl" in programs:
            folders.append(programs["istioctl"].parent)
        added = {
            "PATH": os.pathsep.join([*map(str, folders), os.environ["PATH"]]),
            "PULUMI_STACK": self.stack,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # Empty is unset: where it is set, Python compiles the program anew at every preview.
            "PYTHONDONTWRITEBYTECODE": "",
            **self.plugin.environment(),
        }
        if self.plugin.version != SDK_VERSION:
            added[PLUGIN_VERSION] = self.plugin.version
        kubernetes = self.setting("kubeVersion")
        # What isn't a version, the program refuses.
        if re.match(r"\d+\.\d+", kubernetes) and watch_list.is_unknown(kubernetes):
            added |= watch_list.OFF
        if self.sandbox is not None:
            added |= {
                SANDBOX: str(self.sandbox.kubeconfig),
                "KUBECONFIG": str(self.sandbox.kubeconfig),
                # kubectl remembers a server's kinds by its address, which others had before.
                "KUBECACHEDIR": str(self.sandbox.folder / "kubectl"),
                # A person's own `pulumi login` is left alone.
                "PULUMI_BACKEND_URL": self.sandbox.state.as_uri(),
                "PULUMI_CONFIG_PASSPHRASE_FILE": str(self.sandbox.passphrase_file),
            }
        return added

    def render_path(self) -> str:
        """Return a PATH with what renders the stack's sidecars."""
        wanted = (ISTIO,) if self._lacks_istioctl() else ()
        folders = {program.parent for program in toolchain.ensure(wanted).values()}
        return os.pathsep.join([*map(str, folders), os.environ["PATH"]])

    def _lacks_istioctl(self) -> bool:
        """Whether the program is to inject, and the release on disk brings no istioctl."""
        if self.sandbox is None or self.setting("injection") != "manual":
            return False
        named = self.setting("releaseDir")
        folder = release.folder_of(self.setting("istioVersion"), Path(named) if named else None)
        return not (folder / release.ISTIOCTL).is_file()

    def shell_lines(self) -> str:
        """Return the environment as lines for a shell's `eval`."""
        return "".join(f"export {k}={shlex.quote(v)}\n" for k, v in self.environment.items())

    def pulumi(self, *arguments: str) -> int:
        """Run a Pulumi command on the stack, and return its exit code."""
        command = self.command(*arguments)
        # Ctrl-C reaches Pulumi too, and its way of stopping is the one to wait for.
        with subprocess.Popen(command, cwd=PROJECT, env=self._full_environment) as process:
            while True:
                try:
                    return process.wait()
                except KeyboardInterrupt:
                    continue

    def command(self, *arguments: str) -> list[str]:
        """Return a Pulumi command on the stack, with the options that it needs here."""
        asks = [] if sys.stdin.isatty() else ["--non-interactive"]
        return ["pulumi", *arguments, "--stack", self.stack, *self._config_option(), *asks]

    def alone(self) -> AbstractContextManager[None]:
        """Wait for others who change a sandbox's stack; elsewhere Pulumi's own lock refuses."""
        if self.sandbox is None:
            return nullcontext()
        waiting = f"stack {self.stack}: waiting for another command that changes it"
        return lock.held(self._lock_file, waiting)

    def query(self, *arguments: str, standard_input: str | None = None) -> str:
        """Run a program on the stack and return what it prints.

        Raises WorkspaceError with what it said when it fails, or when it isn't there.
        """
        try:
            answer = subprocess.run(
                arguments,
                cwd=PROJECT,
                env=self._full_environment,
                input=standard_input,
                capture_output=True,
                text=True,
                check=False,
            )
        except FileNotFoundError as error:
            raise WorkspaceError(
                f"{arguments[0]} isn't on PATH, and this command needs it: install it"
            ) from error
        if answer.returncode:
            raise WorkspaceError(f"{' '.join(arguments)}: {answer.stderr.strip()}")
        return answer.stdout

    def outputs(self, stack: str = "") -> dict[str, Any]:
        """Return what the stack, or another of its backend, says: nothing before its first `up`."""
        if self.sandbox is not None and not self.sandbox.state.exists():
            return {}
        return json.loads(
            self.query("pulumi", "stack", "output", "--json", "-s", stack or self.stack)
        )

    def kubectl(self, *arguments: str, standard_input: str | None = None) -> str:
        """Ask the stack's cluster, and return what kubectl prints."""
        at = self.cluster
        file = ("--kubeconfig", *map(str, at.files)) if at.kubeconfig else ()
        where = (*file, "--context", at.context)
        return self.query("kubectl", *where, *arguments, standard_input=standard_input)

    def make_stack(self) -> None:
        """Make the stack in the backend when it isn't there."""
        if self.sandbox is None:
            if not self.is_known:
                # The backend is the person's own, and so is its way with secrets.
                self.query("pulumi", "stack", "init", self.stack, "--non-interactive")
            return
        # Another command that finds the stack needs its salt.
        with lock.held(self.sandbox.folder / "stacks.lock", "waiting for another new stack"):
            if not self.is_known:
                if not self.config_file.exists():
                    console.say(
                        f"stack {self.stack} is new, and has no {self.config_file.name}: every "
                        "setting is the default"
                    )
                self._salt_file.write_text(self._init())

    def _init(self) -> str:
        """Make the stack in the sandbox's backend; return what of it a config file must hold."""
        # `stack init` writes a salt into Pulumi.<stack>.yaml: not into the one under git.
        with tempfile.TemporaryDirectory() as elsewhere:
            shutil.copy(PROJECT / "Pulumi.yaml", elsewhere)
            self.query(
                *("pulumi", "--cwd", elsewhere, "stack", "init", self.stack),
                *("--no-select", "--non-interactive"),
            )
            return Path(elsewhere, self.config_file.name).read_text()

    def remove_stack(self) -> None:
        """Remove the stack from the backend, and what is kept beside it; it must be empty."""
        self.query(
            *("pulumi", "stack", "rm", self.stack, "--yes", "--non-interactive"),
            "--preserve-config",
        )
        if self.sandbox is not None:
            self._salt_file.unlink(missing_ok=True)
            self._lock_file.unlink(missing_ok=True)
            (self.sandbox.folder / self.config_file.name).unlink(missing_ok=True)

    @property
    def is_known(self) -> bool:
        """Whether the backend has the stack."""
        return self.name in self.neighbours()

    def neighbours(self) -> dict[str, int]:
        """Return the stacks of the backend by name, each with the number of its resources."""
        if self.sandbox is not None and not self.sandbox.state.exists():
            return {}
        listed = json.loads(self.query("pulumi", "stack", "ls", "--json", "--non-interactive"))
        return {each["name"].split("/")[-1]: each.get("resourceCount", 0) for each in listed}

    @property
    def config_file(self) -> Path:
        """The stack's own file, under git."""
        return PROJECT / f"Pulumi.{self.name}.yaml"

    @property
    def _salt_file(self) -> Path:
        assert self.sandbox is not None  # noqa: S101 - asked for sandbox stacks only
        return self.sandbox.folder / f"salt.{self.name}.yaml"

    @property
    def _lock_file(self) -> Path:
        assert self.sandbox is not None  # noqa: S101 - asked for sandbox stacks only
        return self.sandbox.folder / f"{self.name}.lock"

    def _config_option(self) -> list[str]:
        """Name a config file with the salt, lest Pulumi write one into the file under git."""
        if self.sandbox is None or not self._salt_file.exists():
            return []
        text = self.config_file.read_text() if self.config_file.exists() else ""
        content = yaml.safe_load(text) or {}
        own_salt = yaml.safe_load(self._salt_file.read_text())
        # A salt that plain pulumi wrote for another sandbox, or on another machine, is of no use
        # here; but secrets can only be read with the salt that they were written with.
        salted = {**own_salt, **content} if "secure:" in text else {**content, **own_salt}
        copy = self.sandbox.folder / self.config_file.name
        copy.write_text(yaml.safe_dump(salted, sort_keys=False))
        return ["--config-file", str(copy)]

    @property
    def _full_environment(self) -> dict[str, str]:
        ours = os.environ if self.sandbox else {k: v for k, v in os.environ.items() if k != SANDBOX}
        # Pulumi is over in seconds, and holds the state many times: it may leave more uncollected.
        return {"GOGC": "400", **ours, **self.environment}
