"""Models: Module and what is built from it."""

from . import initialise
from .layers import MLP, Linear, ReLU, Sequential, Sigmoid, Tanh
from .module import Module

__all__ = ["MLP", "Linear", "Module", "ReLU", "Sequential", "Sigmoid", "Tanh", "initialise"]
