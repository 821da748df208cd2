"""The refusal of a preview: one message with every reason."""

from collections.abc import Iterable

import pulumi

UNCHANGED = "; nothing was changed:"


def refuse(what: str, reasons: Iterable[str], *remedies: str) -> None:
    """End the program with all the reasons in one message, if there are any."""
    if reasons := [f"  - {reason}" for reason in reasons]:
        lines = [what + UNCHANGED, *reasons, *filter(None, ["; ".join(remedies)])]
        raise pulumi.RunError("\n".join(lines))
