"""Resource quantities in their canonical form: `1000m` is `1`, `1024Mi` is `1Gi`."""

import re
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext

_QUANTITY = re.compile(r"([+-]?)(\d+\.?\d*|\.\d+)(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?\d+)?")
_DECIMAL = {-9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E"}
_EXPONENT_OF = {suffix: exponent for exponent, suffix in _DECIMAL.items()}
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


def canonical(text: str) -> str:
    """Write a quantity as the Go client does.

    Raises:
        ValueError: The text isn't a quantity.

    """
    match = _QUANTITY.fullmatch(text)
    if not match:
        raise ValueError(f"quantity must be a number with a suffix such as m, k, Mi; got {text!r}")
    sign, digits, suffix = match.group(1), match.group(2), match.group(3) or ""
    with localcontext(prec=60):
        value = Decimal(sign + digits)
        if suffix in _BINARY and suffix:
            return _binary(value * 1024 ** _BINARY.index(suffix))
        if suffix in _EXPONENT_OF:
            return _decimal(value.scaleb(_EXPONENT_OF[suffix]), exponent=False)
        return _decimal(value.scaleb(int(suffix[1:])), exponent=True)


def _up(value: Decimal, step: Decimal) -> Decimal:
    # The smallest step is one nano; what is smaller is rounded away from zero.
    return value.quantize(step, ROUND_CEILING if value > 0 else ROUND_FLOOR)


def _decimal(value: Decimal, *, exponent: bool) -> str:
    value = _up(value, Decimal("1e-9"))
    if not value:
        return "0"
    power = -9
    while power < 18 and value.scaleb(-power - 3) % 1 == 0:
        power += 3
    number = f"{value.scaleb(-power):f}".split(".")[0]
    if exponent:
        return f"{number}e{power}" if power else number
    return number + _DECIMAL[power]


def _binary(value: Decimal) -> str:
    if -1024 < value < 1024:
        return _decimal(value, exponent=False)
    whole = int(_up(value, Decimal(1)))
    power = 0
    while power < 6 and whole % 1024 == 0:
        whole //= 1024
        power += 1
    return f"{whole}{_BINARY[power]}"
