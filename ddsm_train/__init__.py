"""CBIS-DDSM: one program per step of the paper; `python -m ddsm_train.NAME --help`."""
