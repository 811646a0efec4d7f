"""Archives of any length in shards: scoring, converting, sampling, statistics.

`end2end archive TASK` works on them, here or on a cluster."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
