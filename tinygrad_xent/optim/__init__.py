"""Optimizers: how parameters follow their gradients, step for step as PyTorch's do.

An optimizer gives a parameter a new array and leaves the old one to the graph that recorded it, so
a graph stays right after a step.
"""

from . import schedules
from .adagrad import Adagrad
from .adam import Adam, AdamW
from .optimizer import Optimizer
from .rmsprop import RMSprop
from .sgd import SGD

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "schedules"]
