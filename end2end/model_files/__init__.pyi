from . import ages as ages
from . import keras1_names as keras1_names
from . import layer_settings as layer_settings
from . import network_build as network_build
from . import network_config as network_config
from . import operations as operations
from . import safe_loading as safe_loading
from . import stored_weights as stored_weights

__all__ = [
    "ages",
    "keras1_names",
    "layer_settings",
    "network_build",
    "network_config",
    "operations",
    "safe_loading",
    "stored_weights",
]
