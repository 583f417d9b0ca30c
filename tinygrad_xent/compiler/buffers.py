"""Buffers: which memory each assignment writes into, used again after the last reader is gone."""

from __future__ import annotations

import numpy as np

from .nodes import Node, strides

# What may write over what it reads: NumPy sees to it that no element is lost.
OVER = ("ufunc",)
LEAST = 2  # elements; a single number is no array


class Buffer:
    """Memory that belongs to the program: the array, and the node whose name it has."""

    def __init__(self, node: Node) -> None:
        self.owner = node
        self.shape, self.dtype = node.value.shape, node.value.dtype
        self.order = "C" if node.value.flags.c_contiguous else "F"
        self.nbytes = node.value.nbytes

    def fits(self, node: Node) -> bool:
        """Whether the node's value has exactly this layout."""
        value = node.value
        return (value.shape, value.dtype) == (self.shape, self.dtype) and strides(value) == strides(
            self.owner.value
        )


class Plan:
    """For each node that may be told where to write, the buffer or the input it writes into.

    `into` gives inputs that are updated in place: a node and the input whose memory it may take.
    `kept` are nodes whose memory must outlive the call: gradients. `fresh` get no buffer, because
    the caller is given them.
    """

    def __init__(
        self, nodes: list[Node], into: dict[Node, Node], kept: set[Node], fresh: set[Node]
    ) -> None:
        self.nodes = nodes
        self.out: dict[Node, Buffer | Node] = {}
        self.buffers: list[Buffer] = []
        self.last = self._last_uses(kept | fresh | set(into))
        self._checks = max((k for k, n in enumerate(nodes) if n.kind == "check"), default=-1)
        self._free: list[Buffer] = []
        self._assign(into, kept, fresh)

    @property
    def nbytes(self) -> int:
        """How much memory the program owns."""
        return sum(buffer.nbytes for buffer in self.buffers)

    def _last_uses(self, outputs: set[Node]) -> dict[int, int]:
        """By storage, where it is last read or written, through whatever view."""
        last: dict[int, int] = {}
        for k, node in enumerate(self.nodes):
            for storage in (node.storage, *(x.storage for x in node.inputs())):
                last[storage] = k
        for node in outputs:
            last[node.storage] = len(self.nodes)
        return last

    def _assign(self, into: dict[Node, Node], kept: set[Node], fresh: set[Node]) -> None:
        held: dict[int, Buffer] = {}  # by storage
        given = {node.storage for node in fresh}
        for k, node in enumerate(self.nodes):
            ending = [
                held[x.storage]
                for x in node.inputs()
                if x.storage in held and self.last[x.storage] == k
            ]
            if node in into and self._in_place(k, node, into[node]):
                self.out[node] = into[node]
            elif node in kept and can_be_told(node) and k > self._checks:
                self.buffers.append(Buffer(node))  # its own: it must survive a call that fails
                self.out[node] = self.buffers[-1]
            elif node not in kept and node.storage not in given and can_be_told(node):
                self.out[node] = held[node.storage] = self._taken(node, ending)
            for buffer in dict.fromkeys(ending):
                if buffer is not self.out.get(node):
                    self._free.append(buffer)

    def _taken(self, node: Node, ending: list[Buffer]) -> Buffer:
        over = [b for b in ending if node.kind in OVER and b.fits(node)]
        if over:
            return over[0]
        for buffer in self._free:
            if buffer.fits(node):
                self._free.remove(buffer)
                return buffer
        self.buffers.append(Buffer(node))
        return self.buffers[-1]

    def _in_place(self, k: int, node: Node, target: Node) -> bool:
        """Whether a node may write over an input: nobody reads it later, no check is to come."""
        last = self.last.get(target.storage, -1)
        same = np.shape(node.value) == np.shape(target.value) and strides(node.value) == strides(
            target.value
        )
        settled = k > self._checks and last <= k
        return can_be_told(node) and node.kind in OVER and same and settled


def can_be_told(node: Node) -> bool:
    """Whether NumPy can be told where to put the result, with the same result to the last bit."""
    value = node.value
    if type(value) is not np.ndarray or value.size < LEAST or node.writes or node.quiet:
        return False
    if not (value.flags.c_contiguous or value.flags.f_contiguous) or value.base is not None:
        return False
    if "where" in node.kwargs:
        return False
    if node.kind == "ufunc":
        return not isinstance(node.function, tuple) or node.function[1] == "reduce"
    if node.kind == "function":
        return node.function is np.dot or node.function is np.matmul
    return node.kind == "method" and node.function == "astype" and not node.kwargs
