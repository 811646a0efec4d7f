from . import roi_streamed as roi_streamed
from . import sampling as sampling
from . import scheduling as scheduling
from . import shards as shards
from . import storage as storage
from . import streamed as streamed
from . import work as work

__all__ = [
    "roi_streamed",
    "sampling",
    "scheduling",
    "shards",
    "storage",
    "streamed",
    "work",
]
