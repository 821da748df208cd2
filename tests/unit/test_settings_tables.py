"""The tables of settings and outputs in docs/."""

from pathlib import Path

import pytest

from mesh.project import PROJECT
from scripts import settings_tables


@pytest.mark.parametrize("file", settings_tables.TABLES)
def test_the_tables_say_what_the_code_says(file: str) -> None:
    """Run `venv/bin/python -m scripts.settings_tables` after a change of a setting or an output."""
    assert Path(PROJECT, file).read_text() == settings_tables.with_tables(file)
