from . import conventions as conventions
from . import file_flows as file_flows
from . import flows as flows
from . import samples as samples
from . import transforms as transforms
from .generator import MammogramDataGenerator as MammogramDataGenerator
from .generator import training_generator as training_generator

__all__ = [
    "MammogramDataGenerator",
    "conventions",
    "file_flows",
    "flows",
    "samples",
    "training_generator",
    "transforms",
]
