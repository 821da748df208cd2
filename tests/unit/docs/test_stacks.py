"""Stacks in the pages: each config can be pasted."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from mesh.validation import config
from tests.unit.docs import pages


def stacks() -> Iterator[Any]:
    """Return each block of a page that is a stack's config."""
    for page in pages.PAGES:
        for block in pages.code_blocks(page):
            if block.startswith("config:"):
                yield pytest.param(yaml.safe_load(block)["config"], id=page.name)


@pytest.mark.parametrize("stack", list(stacks()))
def test_a_stack_in_a_page_has_no_mistake(
    configure: Callable[..., None], stack: dict[str, Any]
) -> None:
    """Its settings exist, and fit each other."""
    configure(
        **{
            key.removeprefix("mesh:"): value if isinstance(value, str) else json.dumps(value)
            for key, value in stack.items()
        }
    )

    assert config.read_settings()
