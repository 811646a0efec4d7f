"""How fast the networks of the paper are on the devices of a machine.

`end2end bench` measures them; its table is that of `make bench`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
