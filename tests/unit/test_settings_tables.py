"""The tables of settings in docs/."""

from pathlib import Path

import pytest

from mesh.project import PROJECT
from scripts import settings_tables


@pytest.mark.parametrize("file", settings_tables.TABLES)
def test_a_table_says_what_the_settings_say(file: str) -> None:
    """Run `venv/bin/python -m scripts.settings_tables` after a change of a setting."""
    assert Path(PROJECT, file).read_text() == settings_tables.with_table(file)
