"""What was read last: the engine sends a resource's inputs again and again."""

import threading
from collections import OrderedDict

from google.protobuf.struct_pb2 import Struct

from .reading import Properties

_KEPT = 64


class Recent:
    """The inputs of the resources that the engine is at: what Check read, Create needn't."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inputs: OrderedDict[str, Properties] = OrderedDict()

    def read(self, urn: str, inputs: Struct) -> Properties:
        """Read a resource's inputs; what is as it was last time is shared, not read again.

        So nobody may change the parts of an object that was read: only its top, in a copy.
        """
        with self._lock:
            before = self._inputs.pop(urn, None)
        read = Properties(inputs, before)
        with self._lock:
            self._inputs[urn] = read
            if len(self._inputs) > _KEPT:
                self._inputs.popitem(last=False)
        return read
