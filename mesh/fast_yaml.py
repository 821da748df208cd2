"""Fast YAML by libyaml, if PyYAML has it: pure Python takes seconds for a megabyte."""

from collections.abc import Iterator
from typing import Any

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):
    """YAML dumper without aliases: writes an object twice if it occurs twice, as kubectl does."""

    def ignore_aliases(self, data: Any) -> bool:
        """Ignore aliases: write every occurrence of an object in full."""
        return True


def load(text: str | bytes) -> Any:
    """Read a document, as yaml.safe_load does."""
    return yaml.load(text, LOADER)  # noqa: S506 - both are safe


def load_all(text: str | bytes) -> Iterator[Any]:
    """Read every document, as yaml.safe_load_all does."""
    return yaml.load_all(text, LOADER)
