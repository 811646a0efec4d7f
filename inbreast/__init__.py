"""INbreast: preparing, fine-tuning and evaluating; `end2end inbreast NAME --help`."""

# First of all: it takes the working folder off the import path.
import end2end

__version__ = end2end.__version__
