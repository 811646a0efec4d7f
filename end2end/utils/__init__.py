"""What every other folder needs: files that are whole or absent, strict commands,
processes, the isolated reader of fragile files, and chains of commands."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
