"""INbreast: preparing, fine-tuning and evaluating; `python -m inbreast.NAME --help`."""

# First of all: it takes the working folder off the import path.
import end2end

__version__ = end2end.__version__
