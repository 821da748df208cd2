"""Names that Kubernetes takes, checked before the API server sees them."""

import re
from typing import Annotated

from pydantic import AfterValidator

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def _namespace(value: str) -> str:
    if not DNS_LABEL.fullmatch(value):
        raise ValueError(
            "a namespace is 1 to 63 lower-case letters, digits and '-', "
            "and starts and ends with a letter or digit"
        )
    return value


Namespace = Annotated[str, AfterValidator(_namespace)]
