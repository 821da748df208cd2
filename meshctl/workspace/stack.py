"""The workspace of a stack: its cluster, backend, Kubernetes plugin, programs and config file."""

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
from typing import Any, TextIO

import yaml

import console
from console import UserError
from mesh import project
from mesh.istio import release
from mesh.kubernetes import cluster, watch_list
from mesh.kubernetes.cluster import PLUGIN_VERSION, SANDBOX, Cluster
from mesh.project import PROJECT
from sandbox import control_plane, kubernetes_plugin, lock, toolchain
from sandbox.cluster import HOME, Sandbox
from sandbox.kubernetes_plugin import SDK_VERSION, Plugin
from sandbox.programs import ISTIO, PULUMI

FOLDER_BACKEND = {
    "PULUMI_DIY_BACKEND_ZSTD": "true",
    "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",
}
"""Switches of Pulumi's backend in a folder, which writes the whole state twice for each resource.

Compressed, a state has a twentieth of its size. A file is replaced at once, so that a killed update
leaves the state of the last resource without the copy of each state before it.
"""


class WorkspaceError(UserError):
    """The command can't work on the stack; the message says why and what to do."""


def stacks(folder: Path) -> list[str]:
    """List the stacks that have a config file in a checkout; a name may have dots."""
    files = folder.glob("Pulumi.*.yaml")
    return sorted(file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in files)


@dataclass(frozen=True)
class Workspace:
    """A stack of this project, on the sandbox unless its config names a context."""

    stack: str
    sandbox_name: str

    @property
    def name(self) -> str:
        """The stack's short name, as in its file; `stack` may be ORGANIZATION/PROJECT/STACK."""
        return self.stack.rpartition("/")[2]

    def make(self, target: str) -> str:
        """Return the make command of this stack that a message suggests, without the defaults."""
        options = {"STACK": (self.stack, "dev"), "SANDBOX": (self.sandbox_name, "default")}
        given = [f" {key}={value}" for key, (value, usual) in options.items() if value != usual]
        return f"`make {target}{''.join(given)}`"

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
        """The Istio releases that the stack needs: version and folder, which may be empty."""
        if self.setting("mode") == "app":  # its Istio is the platform's
            return []
        canary = self._value("canary")
        named = [(self.setting("istioVersion"), self.setting("releaseDir"))]
        # An invalid canary is reported by mesh.settings.schema, in the program.
        if isinstance(canary, dict) and canary.get("istioVersion"):
            named.append((str(canary["istioVersion"]), str(canary.get("releaseDir") or "")))
        return named

    @property
    def brings_gateway_api(self) -> bool:
        """Whether the stack creates the CRDs of the Gateway API, as mesh.settings.schema has it."""
        needs = self.setting("routingApi") == "gateway-api" or bool(self._value("waypoints"))
        by_stack = self.setting("gatewayApiCrds") == "stack"
        return needs and by_stack and self.setting("mode") != "app"

    @property
    def context(self) -> str:
        """The kubeconfig context that the stack's config names; empty = the sandbox's.

        Raises WorkspaceError for a stack whose context may be in an ESC environment.
        """
        named = self.setting("context")
        if not named and self._content.get("environment"):
            raise WorkspaceError(
                f"stack {self.stack} takes settings from an ESC environment, which only Pulumi "
                f"itself can read: set its context in {self.config_file.name}, and there also "
                "istioVersion, releaseDir, kubeconfig and mode if they differ from the defaults; "
                "or use plain pulumi"
            )
        return named

    @property
    def sandbox(self) -> Sandbox | None:
        """The stack's sandbox, or None when it has its own cluster.

        A stack for an older Kubernetes that sandboxes can run gets its own, such as default-1.15.
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
            raise WorkspaceError(
                f"sandbox {self.sandbox_name} doesn't exist: run {self.make('up')} to start it"
            )
        return Cluster(kubeconfig=self.sandbox.kubeconfig, context=self.sandbox.context)

    @cached_property
    def _tools(self) -> tuple[Plugin, dict[str, Path]]:
        """The Kubernetes plugin and the stack's programs; missing ones are installed."""
        return kubernetes_plugin.find(
            (
                *(self.sandbox.control_plane.families if self.sandbox else ()),
                PULUMI,
                *((ISTIO,) if self._lacks_istioctl() else ()),
            )
        )

    @property
    def plugin(self) -> Plugin:
        """The Kubernetes plugin that Pulumi runs."""
        return self._tools[0]

    @cached_property
    def environment(self) -> dict[str, str]:
        """The environment variables that plain `pulumi` and `kubectl` need to work on the stack.

        Installs missing programs. Raises ToolchainError.
        """
        programs = self._tools[1]
        folders = [Path(sys.executable).parent, programs["pulumi"].parent]
        if "istioctl" in programs:
            folders.append(programs["istioctl"].parent)
        added = {
            "PATH": os.pathsep.join([*map(str, folders), os.environ["PATH"]]),
            "PULUMI_STACK": self.stack,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # Empty means unset: if it is set, Python compiles the program again at every preview.
            "PYTHONDONTWRITEBYTECODE": "",
            **self.plugin.environment(),
        }
        if self.plugin.version != SDK_VERSION:
            added[PLUGIN_VERSION] = self.plugin.version
        kubernetes = self.setting("kubeVersion")
        # The program refuses a value that isn't a version.
        if re.match(r"\d+\.\d+", kubernetes) and watch_list.is_unknown(kubernetes):
            added |= watch_list.OFF
        if self.sandbox is not None:
            added |= {
                SANDBOX: str(self.sandbox.kubeconfig),
                "KUBECONFIG": str(self.sandbox.kubeconfig),
                # kubectl caches a server's kinds by its address, which another one had before.
                "KUBECACHEDIR": str(self.sandbox.folder / "kubectl"),
                # The user's own `pulumi login` isn't changed.
                "PULUMI_BACKEND_URL": self.sandbox.state.as_uri(),
                **FOLDER_BACKEND,
                "PULUMI_CONFIG_PASSPHRASE_FILE": str(self.sandbox.passphrase_file),
            }
        return added

    def render_path(self) -> str:
        """Return a PATH that has istioctl, if a render of the stack's sidecars needs it."""
        wanted = (ISTIO,) if self._lacks_istioctl() else ()
        folders = {program.parent for program in toolchain.ensure(wanted).values()}
        return os.pathsep.join([*map(str, folders), os.environ["PATH"]])

    def _lacks_istioctl(self) -> bool:
        """Return whether injection is manual and the release on disk has no istioctl."""
        if self.sandbox is None or self.setting("injection") != "manual":
            return False
        named = self.setting("releaseDir")
        folder = release.folder_of(self.setting("istioVersion"), Path(named) if named else None)
        return not (folder / release.ISTIOCTL).is_file()

    def shell_lines(self) -> str:
        """Return the environment as lines for a shell's `eval`."""
        return "".join(f"export {k}={shlex.quote(v)}\n" for k, v in self.environment.items())

    def pulumi(self, *arguments: str, output: TextIO | None = None) -> int:
        """Run a Pulumi command on the stack, and return its exit code.

        With `output`, Pulumi writes there, and asks nothing. Raises KeyboardInterrupt on Ctrl-C,
        after Pulumi has ended.
        """
        command = self.command(*arguments)
        if output and "--non-interactive" not in command:
            command.append("--non-interactive")  # nobody would see the question
        # Ctrl-C reaches Pulumi too: wait until Pulumi has stopped in its own way.
        interrupted = False
        with subprocess.Popen(
            command, cwd=PROJECT, env=self.full_environment, stdout=output, stderr=output
        ) as process:
            while process.returncode is None:
                try:
                    process.wait()
                except KeyboardInterrupt:
                    interrupted = True
        if interrupted:
            raise KeyboardInterrupt
        return process.returncode

    def command(self, *arguments: str) -> list[str]:
        """Return a Pulumi command on the stack, with the options that it needs here."""
        asks = [] if sys.stdin.isatty() else ["--non-interactive"]
        return ["pulumi", *arguments, "--stack", self.stack, *self._config_option(), *asks]

    def alone(self) -> AbstractContextManager[None]:
        """Lock a sandbox's stack against other commands; elsewhere Pulumi's own lock does it."""
        if self.sandbox is None:
            return nullcontext()
        waiting = f"stack {self.stack}: waiting for another command that changes it"
        return lock.held(self._lock_file, waiting)

    def query(self, *arguments: str, standard_input: str | None = None) -> str:
        """Run a program in the stack's environment and return its output.

        Raises WorkspaceError when it fails, with its error output, or when it isn't installed.
        """
        try:
            answer = subprocess.run(
                arguments,
                cwd=PROJECT,
                env=self.full_environment,
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
        """Return the outputs of the stack, or of another in its backend; none before its `up`."""
        if self.sandbox is not None and not self.sandbox.state.exists():
            return {}
        return json.loads(
            self.query("pulumi", "stack", "output", "--json", "-s", stack or self.stack)
        )

    def kubectl(self, *arguments: str, standard_input: str | None = None) -> str:
        """Run kubectl on the stack's cluster, and return its output."""
        at = self.cluster
        file = ("--kubeconfig", *map(str, at.files)) if at.kubeconfig else ()
        where = (*file, "--context", at.context)
        return self.query("kubectl", *where, *arguments, standard_input=standard_input)

    def make_stack(self) -> None:
        """Create the stack in the backend if it isn't there."""
        if self.sandbox is None:
            if not self.is_known:
                # The user chose this backend, and so its secrets provider.
                self.query("pulumi", "stack", "init", self.stack, "--non-interactive")
            return
        # Another command that finds the stack needs its salt.
        with lock.held(
            self.sandbox.folder / "stacks.lock", "waiting: another command is creating a stack"
        ):
            if not self.is_known:
                if not self.config_file.exists():
                    console.say(
                        f"stack {self.stack} is new, and has no {self.config_file.name}: every "
                        "setting has its default"
                    )
                self._salt_file.write_text(self._init())

    def _init(self) -> str:
        """Create the stack in the sandbox's backend; return the config file with its salt."""
        # `stack init` writes a salt into Pulumi.<stack>.yaml: keep it out of the file under git.
        with tempfile.TemporaryDirectory() as elsewhere:
            shutil.copy(PROJECT / "Pulumi.yaml", elsewhere)
            self.query(
                *("pulumi", "--cwd", elsewhere, "stack", "init", self.stack),
                *("--no-select", "--non-interactive"),
            )
            return Path(elsewhere, self.config_file.name).read_text()

    def remove_stack(self) -> None:
        """Remove an empty stack from the backend, with its salt, lock, config and records."""
        self.query(
            *("pulumi", "stack", "rm", self.stack, "--yes", "--non-interactive"),
            "--preserve-config",
        )
        if self.sandbox is not None:
            self._salt_file.unlink(missing_ok=True)
            for file in self.sandbox.folder.glob(f"{self.name}.lock*"):
                file.unlink()
            (self.sandbox.folder / self.config_file.name).unlink(missing_ok=True)
        shutil.rmtree(self.records, ignore_errors=True)

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
        """The stack's config file, under git."""
        return PROJECT / f"Pulumi.{self.name}.yaml"

    @property
    def _salt_file(self) -> Path:
        assert self.sandbox is not None  # noqa: S101 - asked for sandbox stacks only
        return self.sandbox.folder / f"salt.{self.name}.yaml"

    @property
    def _lock_file(self) -> Path:
        assert self.sandbox is not None  # noqa: S101 - asked for sandbox stacks only
        return self.sandbox.folder / f"{self.name}.lock"

    @property
    def records(self) -> Path:
        """The folder of what is kept of the stack's updates."""
        if self.sandbox is not None:
            return self.sandbox.folder / "updates" / self.name
        return HOME / "updates" / self.stack.replace("/", ".")

    def _config_option(self) -> list[str]:
        """Return the option for a config file with the salt.

        Without it Pulumi would write a salt into the file under git.
        """
        if self.sandbox is None or not self._salt_file.exists():
            return []
        text = self.config_file.read_text() if self.config_file.exists() else ""
        content = yaml.safe_load(text) or {}
        own_salt = yaml.safe_load(self._salt_file.read_text())
        # A salt that plain pulumi wrote for another sandbox, or on another machine, is useless
        # here; but secrets can only be read with the salt that they were written with.
        salted = {**own_salt, **content} if "secure:" in text else {**content, **own_salt}
        copy = self.sandbox.folder / self.config_file.name
        copy.write_text(yaml.safe_dump(salted, sort_keys=False))
        return ["--config-file", str(copy)]

    @property
    def full_environment(self) -> dict[str, str]:
        """The environment of the commands: that of this process, `environment`, and for speed."""
        ours = os.environ if self.sandbox else {k: v for k, v in os.environ.items() if k != SANDBOX}
        # Pulumi runs for seconds and holds many copies of the state: it may collect less garbage.
        # By itself it works on four objects for each processor, but most of them wait for the API
        # server. Its option --event-log is one of its debug commands.
        faster = {"GOGC": "400", "PULUMI_PARALLEL": "32"}
        return {**faster, **ours, **self.environment, "PULUMI_DEBUG_COMMANDS": "true"}
