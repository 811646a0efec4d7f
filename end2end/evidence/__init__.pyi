from . import atlas as atlas
from . import checklist_items as checklist_items
from . import checklists as checklists
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
from . import run_facts as run_facts
from . import using as using
from . import validation as validation

__all__ = [
    "atlas",
    "checklist_items",
    "checklists",
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
    "run_facts",
    "using",
    "validation",
]
