"""Garbage collection: nothing for a program that is over in seconds."""

import atexit
import gc


def leave() -> None:
    """Collect no garbage, while the program runs or when it ends.

    There is next to none, but a megabyte of CRDs to search for it again and again.
    """
    gc.disable()
    atexit.register(gc.freeze)
