"""Make mesh/validation/mesh_config_fields/MINOR.json from the protobuf of Istio's API.

venv/bin/python -m scripts.mesh_config_fields 1.30.8 (a version of the Go module istio.io/api)
makes one table; without a version, each table is made again from the version that its source names.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from mesh.project import PROJECT
from mesh.validation.mesh_config import FIELDS, ROOT
from scripts.go_module import download

MODULE = "istio.io/api"
PROTO = "mesh/v1alpha1/config.proto"
PROTOC = "grpcio-tools==1.85.*"
PACKAGE = "istio."

# How JSON writes protobuf's well-known types; a wrapper's JSON is that of what it wraps.
WELL_KNOWN = {
    "google.protobuf.Duration": "duration",
    "google.protobuf.Struct": "object",
    "google.protobuf.BoolValue": "bool",
    "google.protobuf.StringValue": "string",
    "google.protobuf.Int32Value": "int32",
    "google.protobuf.Int64Value": "int64",
    "google.protobuf.UInt32Value": "uint32",
    "google.protobuf.UInt64Value": "uint64",
    "google.protobuf.DoubleValue": "double",
    "google.protobuf.FloatValue": "float",
}
SCALARS = {
    getattr(FieldDescriptor, f"TYPE_{name.upper()}"): name
    for name in ("bool", "string", "int32", "int64", "uint32", "uint64", "double", "float")
}


class Table:
    """The messages and enums that can be reached from MeshConfig."""

    def __init__(self) -> None:
        self.messages: dict[str, dict[str, str]] = {}
        self.choices: dict[str, list[list[str]]] = {}
        self.enums: dict[str, list[str]] = {}

    def add(self, message: Descriptor) -> str:
        """Add a message and all that it holds, and return its name."""
        name = message.full_name.removeprefix(PACKAGE)
        if name not in self.messages:
            fields = self.messages[name] = {}
            for field in message.fields:
                fields[field.json_name] = self._kind(field)
            choices = [
                [field.json_name for field in choice.fields]
                for choice in message.oneofs
                if len(choice.fields) > 1
            ]
            if choices:
                self.choices[name] = choices
        return name

    def _kind(self, field: FieldDescriptor) -> str:
        if field.message_type and field.message_type.GetOptions().map_entry:
            return f"{{{self._single(field.message_type.fields_by_name['value'])}}}"
        # protobuf 5, which Pulumi pins, has no `is_repeated`.
        is_repeated = field.label == FieldDescriptor.LABEL_REPEATED
        return f"[{self._single(field)}]" if is_repeated else self._single(field)

    def _single(self, field: FieldDescriptor) -> str:
        if field.enum_type:
            name = field.enum_type.full_name.removeprefix(PACKAGE)
            self.enums[name] = [value.name for value in field.enum_type.values]
            return name
        if field.message_type:
            return WELL_KNOWN.get(field.message_type.full_name) or self.add(field.message_type)
        return SCALARS[field.type]


def make(version: str, protoc: Path) -> str:
    """Return the table of a version's MeshConfig, as JSON."""
    module = download(MODULE, version)
    with tempfile.NamedTemporaryFile() as compiled:
        subprocess.run(
            [
                *(sys.executable, "-m", "grpc_tools.protoc", "--include_imports"),
                *("-I", module, "-I", module / "common-protos"),
                *(f"--descriptor_set_out={compiled.name}", PROTO),
            ],
            env={"PYTHONPATH": str(protoc)},
            check=True,
        )
        files = descriptor_pb2.FileDescriptorSet.FromString(Path(compiled.name).read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    table = Table()
    table.add(pool.FindMessageTypeByName(PACKAGE + ROOT))
    content: dict[str, Any] = {"source": f"{MODULE}@v{version} {PROTO}", **vars(table)}
    return json.dumps(content, indent=1) + "\n"


def versions() -> dict[Path, str]:
    """Return the version of Istio's API that each table's source names."""
    sources = {file: json.loads(file.read_bytes())["source"] for file in FIELDS.glob("*.json")}
    return {file: source.split()[0].partition("@v")[2] for file, source in sources.items()}


@contextlib.contextmanager
def compiler() -> Generator[Path]:
    """Install protobuf's compiler, and yield its folder."""
    with tempfile.TemporaryDirectory() as protoc:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-warn-conflicts"]
        subprocess.run([*pip, "--target", protoc, PROTOC], check=True)
        yield Path(protoc)


def main() -> None:
    """Write the tables of the versions that the command line names, or all tables again."""
    named = {FIELDS / f"{each.rpartition('.')[0]}.json": each for each in sys.argv[1:]}
    with compiler() as protoc:
        for file, version in sorted((named or versions()).items()):
            file.write_text(make(version, protoc))
            print(file.relative_to(PROJECT))


if __name__ == "__main__":
    main()
