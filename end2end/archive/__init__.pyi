from . import leases as leases
from . import roi_streamed as roi_streamed
from . import sampling as sampling
from . import scheduling as scheduling
from . import sealed as sealed
from . import settling as settling
from . import shards as shards
from . import storage as storage
from . import streamed as streamed
from . import work as work

__all__ = [
    "leases",
    "roi_streamed",
    "sampling",
    "scheduling",
    "sealed",
    "settling",
    "shards",
    "storage",
    "streamed",
    "work",
]
