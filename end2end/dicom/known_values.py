"""Values of tags that may be quoted in messages; any other may name a patient."""

from collections.abc import Collection

import pydicom.uid

UNQUOTED = "a value that is not of the standard"

# PS3.3 C.7.3.1.1.1, present and retired.
MODALITIES = frozenset((
    "AR", "ASMT", "AU", "BDUS", "BI", "BMD", "CD", "CF", "CFM", "CP", "CR", "CS", "CT",
    "CTPROTOCOL", "DD", "DF", "DG", "DM", "DOC", "DS", "DSS", "DX", "EC", "ECG", "EEG",
    "EMG", "EOG", "EPS", "ES", "FA", "FID", "FS", "GM", "HC", "HD", "IO", "IOL",
    "IVOCT", "IVUS", "KER", "KO", "LEN", "LP", "LS", "M3D", "MA", "MG", "MR", "MS",
    "NM", "OAM", "OCT", "OP", "OPM", "OPT", "OPTBSV", "OPTENF", "OPV", "OSS", "OT",
    "PA", "PLAN", "POS", "PR", "PT", "PX", "REG", "RESP", "RF", "RG", "RTDOSE",
    "RTIMAGE", "RTINTENT", "RTPLAN", "RTRAD", "RTRECORD", "RTSEGANN", "RTSTRUCT", "RWV",
    "SC", "SEG", "SM", "SMR", "SR", "SRF", "ST", "STAIN", "TEXTUREMAP", "TG", "US",
    "VA", "VF", "XA", "XAPROTOCOL", "XC"))
# PS3.3 C.7.6.3.1.2, present and retired.
INTERPRETATIONS = frozenset((
    "MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "HSV", "ARGB", "CMYK",
    "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420", "YBR_ICT",
    "YBR_RCT", "XYB"))
VOI_FUNCTIONS = frozenset(("LINEAR", "LINEAR_EXACT", "SIGMOID"))


def quoted(value: str, known: Collection[str]) -> str:
    """A value of a tag if it is a known one, else `UNQUOTED`."""
    return value if value in known else UNQUOTED


def name_of(uid: str) -> str:
    """Name of a unique identifier of the standard, else a phrase without it."""
    name = pydicom.uid.UID(uid).name
    return name if name != uid else ("unknown" if uid else "")
