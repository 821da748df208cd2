"""Outputs of components for `depends_on`, and how to join several of them."""

from collections.abc import Sequence
from itertools import chain

import pulumi

Ready = pulumi.Output[Sequence[pulumi.Input[pulumi.Resource]]]
"""Resources that must be ready first: pass it to `depends_on` as it is."""


def nothing() -> Ready:
    """Return an output without resources, which is ready at once."""
    return pulumi.Output.from_input([])


def all_ready(*readies: Ready) -> Ready:
    """Join several outputs: `depends_on` refuses a list of outputs of lists with a TypeError."""
    return pulumi.Output.all(*readies).apply(lambda lists: list(chain.from_iterable(lists)))
