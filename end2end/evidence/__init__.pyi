from . import coverage as coverage
from . import covering as covering
from . import grouping as grouping
from . import inputs as inputs
from . import localizing as localizing
from . import parsers as parsers
from . import pictures as pictures
from . import planning as planning
from . import reader_study as reader_study
from . import recalibrating as recalibrating
from . import using as using
from . import validation as validation

__all__ = [
    "coverage",
    "covering",
    "grouping",
    "inputs",
    "localizing",
    "parsers",
    "pictures",
    "planning",
    "reader_study",
    "recalibrating",
    "using",
    "validation",
]
