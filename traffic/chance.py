"""The interval in which a number of requests lies by chance, for a given share."""

import functools
import math

CONFIDENCE = 0.999


@functools.cache
def interval(count: int, share: float) -> tuple[int, int]:
    """Return the least and the most of `count` requests that a share (0 to 1) of them can be.

    It holds 999 times of 1,000, computed exactly by the tails of the binomial distribution.
    """
    tail = (1 - CONFIDENCE) / 2
    likely = [_probability(k, count, share) for k in range(count + 1)]
    least = _within(likely, tail)
    most = count - _within(likely[::-1], tail)
    return least, most


def _within(likely: list[float], tail: float) -> int:
    """Return the first number that is outside the tail at the list's beginning."""
    sum_so_far = 0.0
    for k, probability in enumerate(likely):
        sum_so_far += probability
        if sum_so_far > tail:
            return k
    return len(likely) - 1


def _probability(k: int, count: int, share: float) -> float:
    if share in (0, 1):
        return float(k == count * share)
    choose = math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1)
    return math.exp(choose + k * math.log(share) + (count - k) * math.log1p(-share))
