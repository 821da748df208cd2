"""The number of configs by chance that a test tries."""

import os

from hypothesis import HealthCheck, settings


def tries(few: int) -> settings:
    """Try a few configs, always the same; with CONFIGS=2000, so many, others each time."""
    return settings(
        max_examples=int(os.environ.get("CONFIGS", few)),
        deadline=None,
        derandomize="CONFIGS" not in os.environ,
        suppress_health_check=list(HealthCheck),
    )
