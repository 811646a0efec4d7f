from . import flows as flows
from . import samples as samples
from .generator import MammogramDataGenerator as MammogramDataGenerator
from .generator import training_generator as training_generator

__all__ = [
    "MammogramDataGenerator",
    "flows",
    "samples",
    "training_generator",
]
