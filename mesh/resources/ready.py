"""Order: what a component offers to `depends_on`, and how several are joined."""

from collections.abc import Sequence
from itertools import chain

import pulumi

Ready = pulumi.Output[Sequence[pulumi.Input[pulumi.Resource]]]
"""Every resource that must be up: pass it to `depends_on` as it is."""


def nothing() -> Ready:
    """Return what is ready at once."""
    return pulumi.Output.from_input([])


def all_ready(*readies: Ready) -> Ready:
    """Join several: `depends_on` refuses a list of outputs of lists with a TypeError."""
    return pulumi.Output.all(*readies).apply(lambda lists: list(chain.from_iterable(lists)))
