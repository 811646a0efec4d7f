from . import importing as importing

__all__ = [
    "importing",
]
