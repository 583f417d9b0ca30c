"""Models: Module and what is built from it."""

from . import initialise
from .clipping import clip_grad_norm
from .layers import MLP, Dropout, Linear, ReLU, Sequential, Sigmoid, Tanh
from .module import Module

__all__ = [
    "MLP",
    "Dropout",
    "Linear",
    "Module",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "clip_grad_norm",
    "initialise",
]
