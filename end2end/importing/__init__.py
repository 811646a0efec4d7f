"""Other people's mammograms into one table: the public sets, and any table of images.

`end2end importing NAME ROOT OUT` reads a set as it is downloaded, `table FILE
OUT` a user's own CSV or Excel sheet, and `join A B --out OUT` puts several together.
All write the same: a manifest, class folders, regions, counts, what was left out."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
