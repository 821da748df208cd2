"""Make mesh/validation/mesh_config_fields/MINOR.json from the protobuf of Istio's API.

venv/bin/python -m scripts.mesh_config_fields 1.30.3 (a version of the Go module istio.io/api)
"""

import json
import subprocess
import sys
import tempfile
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


def make(version: str, protoc: Path) -> Path:
    """Write the table of a version's minor, and return its file."""
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
    target = FIELDS / f"{version.rpartition('.')[0]}.json"
    target.write_text(json.dumps(content, indent=1) + "\n")
    return target


def main() -> None:
    """Make the tables of the versions that the command line names."""
    if not sys.argv[1:]:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as protoc:
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-warn-conflicts",
            "--target",
            protoc,
            PROTOC,
        ]
        subprocess.run(pip, check=True)
        for version in sys.argv[1:]:
            print(make(version, Path(protoc)).relative_to(PROJECT))


if __name__ == "__main__":
    main()
