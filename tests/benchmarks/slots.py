"""``Node``: a scalar engine in a page of plain Python, the peer that the GPT is measured against.

As a tutorial would write it with some care: slots, the partials as a tuple beside the operands (no closures), and an
order found without recursion.  A node refers to its operands only, so nothing waits for the collector.
"""

from __future__ import annotations

import math


class Node:
    __slots__ = ("data", "grad", "operands", "partials")

    def __init__(self, data, operands=(), partials=()):
        self.data = data
        self.grad = 0.0
        self.operands = operands
        self.partials = partials

    def __add__(self, other):
        other = other if isinstance(other, Node) else Node(other)
        return Node(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        other = other if isinstance(other, Node) else Node(other)
        return Node(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, exponent):
        return Node(self.data**exponent, (self,), (exponent * self.data ** (exponent - 1),))

    def __neg__(self):
        return Node(-self.data, (self,), (-1.0,))

    def __sub__(self, other):
        return self + -other

    def __truediv__(self, other):
        return self * other**-1

    __radd__ = __add__
    __rmul__ = __mul__

    def exp(self):
        y = math.exp(self.data)
        return Node(y, (self,), (y,))

    def log(self):
        return Node(math.log(self.data), (self,), (1.0 / self.data,))

    def relu(self):
        return Node(max(self.data, 0.0), (self,), (float(self.data > 0),))

    def backward(self):
        """Set the gradient of all intermediate nodes, and add the leaves' to what they hold."""
        order = []
        seen = {self}
        stack = [(self, iter(self.operands))]
        while stack:
            node, operands = stack[-1]
            for operand in operands:
                if operand not in seen:
                    seen.add(operand)
                    stack.append((operand, iter(operand.operands)))
                    break
            else:
                order.append(node)
                stack.pop()
        for node in order:
            if node.operands:
                node.grad = 0.0
        self.grad = 1.0
        for node in reversed(order):
            for operand, partial in zip(node.operands, node.partials):
                operand.grad += node.grad * partial
