"""Writes small DICOM mammograms of every kind, for the tests."""

import cv2
import numpy as np
import pydicom
import pydicom.encaps
import pydicom.uid
import pytest

from end2end import dicom
from end2end.utils import files

FOR_PRESENTATION = pydicom.uid.DigitalMammographyXRayImageStorageForPresentation
FOR_PROCESSING = pydicom.uid.DigitalMammographyXRayImageStorageForProcessing
RAMP = np.arange(0, 4096, 64, dtype=np.uint16).reshape(8, 8)


def write(path, pixels=RAMP, *, syntax=pydicom.uid.ExplicitVRLittleEndian, **tags):
    """Writes `pixels` as a mammogram; a tag of None is left out."""
    header = pydicom.dataset.FileMetaDataset()
    header.MediaStorageSOPClassUID = FOR_PRESENTATION
    header.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    header.TransferSyntaxUID = syntax
    ds = pydicom.dataset.Dataset()
    ds.file_meta = header
    stored = 12 if pixels.dtype.itemsize == 2 else 8
    defaults = dict(
        SOPClassUID=FOR_PRESENTATION, Modality="MG", PatientID="woman-1",
        Rows=pixels.shape[-2], Columns=pixels.shape[-1], SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2", BitsStored=stored, HighBit=stored - 1,
        BitsAllocated=8 * pixels.dtype.itemsize,
        PixelRepresentation=int(pixels.dtype.kind == "i"))
    for name, value in (defaults | tags).items():
        if value is not None:
            setattr(ds, name, value)
    ds.PixelData = pixels.tobytes()
    ds["PixelData"].VR = "OW" if pixels.dtype.itemsize == 2 else "OB"
    ds.save_as(path, enforce_file_format=True)
    return path


def write_stream(path, stream, pixels, syntax, **tags):
    """Writes an already compressed frame."""
    write(path, pixels, **tags)
    ds = pydicom.dcmread(path)
    ds.file_meta.TransferSyntaxUID = syntax
    ds.PixelData = pydicom.encaps.encapsulate([stream])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    ds.save_as(path)
    return path


def look_up_table(descriptor, data, form="US"):
    table = item(LUTDescriptor=descriptor)
    table.add_new("LUTData", form, data)
    return table


def item(**tags):
    ds = pydicom.dataset.Dataset()
    for name, value in tags.items():
        setattr(ds, name, value)
    return ds


def refusal(path, **keywords):
    with pytest.raises(files.InputError) as caught:
        dicom.read_dicom(path, **keywords)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    return message


def baseline(pixels):
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
