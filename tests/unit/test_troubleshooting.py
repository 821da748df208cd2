"""Each message that the program can print is below a paragraph in docs/troubleshooting.md."""

import re

from scripts import troubleshooting


def test_every_message_is_below_a_paragraph() -> None:
    """Run `venv/bin/python -m scripts.troubleshooting`; read whether the paragraph still fits."""
    assert troubleshooting.PAGE.read_text() == troubleshooting.with_messages()


def test_every_file_with_messages_has_a_paragraph() -> None:
    """Write one, with what the message means, why, and what to do; then name the file below it."""
    assert troubleshooting.unexplained() == set()


def test_no_list_names_a_place_that_prints_nothing() -> None:
    """A file that was moved takes its messages along."""
    files = tuple(troubleshooting.files())
    places = [place for each in troubleshooting.explained() for place in each.split(", ")]

    assert len(places) == len(set(places))
    assert not [each for each in places if not any(file.startswith(each) for file in files)]


def test_a_paragraph_says_more_than_its_messages() -> None:
    """Each list comes after a text of its own heading."""
    for section in re.split(r"\n(?=## )", troubleshooting.PAGE.read_text())[1:]:
        text, *lists = troubleshooting.MARK.split(section)
        assert len(lists) == 2, "one list, and nothing below it"
        assert len(text.split()) >= 20, text


def test_an_error_is_found_however_it_is_made() -> None:
    """What follows `raise`, also if it is short; a rule in a variable; the lines of a refusal."""
    assert "… isn't valid YAML: …" in troubleshooting.messages("policy/rendered.py")
    assert "must be TCP with tls" in troubleshooting.messages("mesh/validation/conflicts/https.py")
    assert "… is …, wanted …; …" in troubleshooting.messages("mesh/preflight/upgrades.py")
    assert not troubleshooting.messages("meshctl/commands/ci.py"), "help of options"
