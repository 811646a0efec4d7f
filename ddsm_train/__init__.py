"""CBIS-DDSM: one program per step of the paper; `end2end ddsm NAME --help`."""

# First of all: it takes the working folder off the import path.
import end2end

__version__ = end2end.__version__
