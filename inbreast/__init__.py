"""INbreast: preparing, fine-tuning and evaluating; `python -m inbreast.NAME --help`."""
