"""Every setting once: its name, default, flag and meaning, as frozen dataclasses.

`end2end config` prints docs/flags.md."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
