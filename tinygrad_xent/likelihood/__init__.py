"""Likelihood: four distributions, how they are fitted, and the facts behind q - p.

Cross-entropy, squared error and their kin are each the negative log-likelihood of a distribution.
The distributions here are exponential families, and so share one gradient: with respect to the
natural parameters it is the mean that the model expects minus the statistic that was observed. For
`Categorical` this is q - p, for `Gaussian` MSE's x - y, for `Bernoulli` sigmoid(z) - y.
"""

from .categorical import Categorical
from .counts import Bernoulli, Poisson
from .distribution import Distribution
from .facts import (
    gradient_covariance,
    label_covariance,
    natural_gradient_step,
    sampled_gradient,
    smooth_max,
    soft_argmax,
)
from .gaussian import Gaussian

__all__ = [
    "Bernoulli",
    "Categorical",
    "Distribution",
    "Gaussian",
    "Poisson",
    "gradient_covariance",
    "label_covariance",
    "natural_gradient_step",
    "sampled_gradient",
    "smooth_max",
    "soft_argmax",
]
