"""Small whole files of every kind, from which the damaged ones are made."""

import functools
import io
import json
import pathlib
import tempfile
import zipfile

import cv2
import numpy as np
import pydicom
import pydicom.encaps
import pydicom.uid

TESTS = pathlib.Path(__file__).parent.parent
RAMP = (np.arange(12 * 10, dtype=np.uint16) * 34).reshape(12, 10)
MAMMOGRAPHY = pydicom.uid.DigitalMammographyXRayImageStorageForPresentation


def _dataset(pixels, **tags):
    ds = pydicom.dataset.Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = MAMMOGRAPHY
    ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    stored = 12 if pixels.dtype.itemsize == 2 else 8
    values = dict(
        SOPClassUID=MAMMOGRAPHY, SOPInstanceUID="1.2.3", Modality="MG", PatientID="a",
        Rows=pixels.shape[-2], Columns=pixels.shape[-1], SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2", BitsStored=stored, HighBit=stored - 1,
        BitsAllocated=8 * pixels.dtype.itemsize,
        PixelRepresentation=int(pixels.dtype.kind == "i"))
    for name, value in (values | tags).items():
        setattr(ds, name, value)
    ds.PixelData = pixels.tobytes()
    ds["PixelData"].VR = "OW" if pixels.dtype.itemsize == 2 else "OB"
    return ds


def _saved(ds, **how):
    stream = io.BytesIO()
    ds.save_as(stream, enforce_file_format=True, **how)
    return stream.getvalue()


def _encapsulated(pixels, stream, syntax, **tags):
    ds = _dataset(pixels, **tags)
    ds.file_meta.TransferSyntaxUID = syntax
    ds.PixelData = pydicom.encaps.encapsulate([stream])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return _saved(ds)


def _item(**tags):
    ds = pydicom.dataset.Dataset()
    for name, value in tags.items():
        setattr(ds, name, value)
    return ds


def _many_tags():
    table = _item(LUTDescriptor=[4096, 0, 16])
    table.add_new("LUTData", "US", list(range(0, 4096 * 16, 16)))
    code = _item(CodeValue="R-10226", CodingSchemeDesignator="SRT", CodeMeaning="MLO")
    return _dataset(
        RAMP, PixelPaddingValue=0, PixelPaddingRangeLimit=3, VOILUTSequence=[table],
        RescaleSlope="1.5", RescaleIntercept="-10", ViewCodeSequence=[code],
        ImageLaterality="L", BreastImplantPresent="NO", PartialView="NO",
        ImageType=["ORIGINAL", "PRIMARY"], PatientOrientation=["A", "R"],
        EstimatedRadiographicMagnificationFactor="1.0")


def _stack():
    window = _item(FrameVOILUTSequence=[_item(WindowCenter="2000", WindowWidth="3000")])
    return _dataset(np.stack([RAMP, RAMP]), NumberOfFrames=2,
                    SharedFunctionalGroupsSequence=[window],
                    PerFrameFunctionalGroupsSequence=[_item(), _item()])


def _transcoded(data, name):
    """A DICOM file in another transfer syntax, by GDCM."""
    import gdcm

    with tempfile.TemporaryDirectory() as folder:
        source, target = f"{folder}/a.dcm", f"{folder}/b.dcm"
        pathlib.Path(source).write_bytes(data)
        reader = gdcm.ImageReader()
        reader.SetFileName(source)
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(
            gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, name)))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFileName(target)
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        return pathlib.Path(target).read_bytes()


def dicom():
    """DICOM in all transfer syntaxes that can be written here."""
    plain = _saved(_dataset(RAMP, WindowCenter="2048", WindowWidth="3000"))
    made = [plain, _saved(_many_tags()), _saved(_stack()), _saved(_dataset(
        RAMP.astype(np.uint8), PhotometricInterpretation="MONOCHROME1"))]
    for syntax in (pydicom.uid.ImplicitVRLittleEndian,
                   pydicom.uid.DeflatedExplicitVRLittleEndian):
        ds = _many_tags()
        ds.file_meta.TransferSyntaxUID = syntax
        made.append(_saved(ds))
    big = _dataset(RAMP.byteswap().view(RAMP.dtype))
    big.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRBigEndian
    made.append(_saved(big))
    run_lengths = _dataset(RAMP)
    run_lengths.compress(pydicom.uid.RLELossless)
    made.append(_saved(run_lengths))
    small = RAMP.astype(np.uint8)
    jpeg = cv2.imencode(".jpg", small)[1].tobytes()
    made.append(_encapsulated(small, jpeg, pydicom.uid.JPEGBaseline8Bit))
    wide = _dataset(np.tile(RAMP, (4, 4)))
    wide.compress(pydicom.uid.JPEG2000Lossless)
    made.append(_saved(wide))
    for name in ("JPEGLosslessProcess14_1", "JPEGLSLossless", "JPEGExtendedProcess2_4"):
        made.append(_transcoded(plain, name))
    return made


def _encoded(suffix, *settings):
    small = RAMP.astype(np.uint8)
    pictures = (RAMP * 15, small, np.dstack([small] * 3), np.tile(small, (6, 6)))
    made = []
    for picture in pictures:
        if suffix == ".jpg" and picture.dtype != np.uint8 or (
                suffix == ".pgm" and picture.ndim == 3):
            continue
        made.append(cv2.imencode(suffix, picture, settings)[1].tobytes())
    return made


def png():
    """Grey of 8 and 16 bits, colour, palette, interlaced."""
    from PIL import Image

    made = _encoded(".png")
    palette = io.BytesIO()
    Image.fromarray(RAMP.astype(np.uint8)).convert("P").save(palette, "png")
    return [*made, palette.getvalue()]


def jpeg():
    """Baseline and progressive."""
    return _encoded(".jpg") + _encoded(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1)


def tiff():
    """LZW, deflated, uncompressed, real numbers, tiles, several pages."""
    from PIL import Image

    made = _encoded(".tif")
    for code in (1, 8, 32773):
        made += _encoded(".tif", cv2.IMWRITE_TIFF_COMPRESSION, code)
    made.append(cv2.imencode(".tif", RAMP.astype(np.float32))[1].tobytes())
    pages = io.BytesIO()
    Image.fromarray(RAMP.astype(np.uint8)).save(
        pages, "tiff", save_all=True,
        append_images=[Image.fromarray(RAMP.astype(np.uint8))])
    return [*made, pages.getvalue()]


def pgm():
    """Binary and in words, of 8 and 16 bits; PBM and PPM too."""
    colour = cv2.imencode(".ppm", np.dstack([RAMP] * 3))[1].tobytes()
    words = "P2\n# words\n3 2\n255\n1 2 3 4 5 255\n"
    return [*_encoded(".pgm"), *_encoded(".pgm", cv2.IMWRITE_PXM_BINARY, 0), colour,
            words.encode(), b"P1\n2 2\n1 0\n0 1\n", b"P4\n8 2\n\xaa\x55"]


def bmp():
    """Windows bitmaps."""
    return _encoded(".bmp")[1:]


MANIFEST = """path,label,patient,laterality,view
{name}.png,neg,P_00001,LEFT,CC
{name}.png,pos,P_00002,RIGHT,MLO
"""
SCORES = """path,patient,laterality,view,label,score,score_a,density
a.png,P_00001,L,CC,0,0.25,0.2,1
b.png,P_00001,L,MLO,1,0.75,0.7,2
c.png,P_00002,R,CC,,1e-3,0.01,
"""
CLASSES = """path;label;predicted;score_background;score_calc_mal;score_mass_ben
a.png;background;background;0.5;0.25;0.25
b.png;calc_mal;background;0.5;0.3;0.2
"""
SPLIT = """patient_id,side,view,malignant,split
P_00001,LEFT,CC,1,train
P_00002,LEFT,MLO,0,test
P_00003,RIGHT,CC,0,val
"""


def manifest():
    """Manifests of images."""
    text = MANIFEST.format(name="a")
    return [text.encode(), text.replace(",", ";").encode(),
            b"image\na.png\n", text.replace("neg", "0").encode()]


def scores():
    """Score files of two and of several classes."""
    return [SCORES.encode(), CLASSES.encode(), b"score\n0.5\n0.25\n"]


def split():
    """Split files."""
    return [SPLIT.encode(), b"patient_id,split\nP_00001,train\nP_00002,test\n"]


def model_files(suffix):
    """Models of the ages of Keras, smallest first, and one with a Lambda."""
    made = []
    for age in ("keras-2.0.8", "tf-2.15", "keras-3.15"):
        with zipfile.ZipFile(TESTS / "golden/ages" / f"{age}.zip") as archive:
            made += [archive.read(name) for name in archive.namelist()
                     if name.endswith(suffix)]
    return sorted(made, key=len)[:6]


def keras_archives():
    """Archives of Keras 3, one with code in a Lambda."""
    made = model_files(".keras")
    row = made[0]
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(row)) as archive, \
            zipfile.ZipFile(packed, "w") as out:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "config.json":
                content = content.replace(b"MaxPooling2D", b"Lambda")
            out.writestr(zipfile.ZipInfo(name), content)
    return [*made, packed.getvalue()]


def card():
    """The JSON beside a model that tells two classes apart, with all fields."""
    return [json.dumps(dict(
        format=1, id="1", name="best", kind="whole_image", classes=["neg", "pos"],
        images=dict(size=[24, 16], height=None, stretch_max_to=None,
                    intensity_scale=0.003891, pixel_mean=52.0, center=True,
                    equalize_histogram=False, breast_only=False, channels=1),
        model=dict(backbone="resnet50", top_filters=[8], dropout=0.5), training={},
        trained_on="nothing", metrics=dict(auc=0.5), software=dict(keras="3"),
        calibration=dict(method="temperature",
                         temperature=dict(plain=1.5, flips=1.2)),
        operating_points=[dict(at="sensitivity", target=0.9, sensitivity=0.9,
                               specificity=0.5, threshold=0.2, scheme="plain")],
        input_statistics=dict(
            images=3, mean=[20.0, 40, 60], top=[200.0, 250, 255], height=[50.0, 60, 70],
            aspect=[1.0, 1.5, 2], background=[0.0, 0.1, 0.2], flat=[0.0, 0.1, 0.2],
            kinds=dict(film=3)))).encode()]


def settings():
    """Descriptions of networks and the JSON beside models."""
    import h5py

    made = [json.dumps(dict(
        format=1, kind="whole_image", classes=["neg", "pos"], id="1",
        images=dict(size=[24, 16], channels=3, intensity_scale=0.003891,
                    pixel_mean=52.0, center=True),
        model=dict(backbone="resnet50"), training={}, trained_on="nothing",
        calibration=dict(method="temperature", temperature=dict(plain=1.5)),
        operating_points=[dict(at="sensitivity", target=0.9, sensitivity=0.9,
                               specificity=0.5, threshold=0.2, scheme="plain")],
        input_statistics=dict(mean=[20, 40, 60], top=[200, 250, 255]))).encode()]
    for data in model_files(".h5"):
        with h5py.File(io.BytesIO(data)) as file:
            if "model_config" in file.attrs:
                text = file.attrs["model_config"]
                made.append(text if isinstance(text, bytes) else text.encode())
    return made


def heatmaps():
    """Heatmaps of women: ours, and a pickle as the original wrote."""
    import pickle

    packed = io.BytesIO()
    np.savez_compressed(
        packed, patient_id=["a", "b"], side=["L", "R"], cancer=[0, 1],
        classes=["x", "y"], settings="{}", cc_0=np.zeros((3, 2, 2), np.float32),
        mlo_1=np.ones((2, 2, 2), np.float32))
    array = np.zeros((2, 2, 2), np.float32)
    rows = [dict(patient_id="a", side="L", cancer=1, cc=array, mlo=None)]
    return [packed.getvalue(), pickle.dumps(rows, 0), pickle.dumps([os_call()], 0)]


class os_call:
    """Pickled, it is a call of `os.system`."""

    def __reduce__(self):
        import os
        return os.system, ("touch escaped",)


def resumed():
    """What a second call of a command finds: ledger, rows of scores."""
    record = dict(key="a", signature="0", complete=True, outputs={"full/a.png": 3})
    row = ("path,patient,laterality,view,label,score,score_m,flips,calibrated,"
           "operating_points,flags,notes\na.png,,,,,0.5,0.5,False,,,,\n")
    return [(json.dumps(record) + "\n").encode() * 2, row.encode()]


@functools.cache
def network():
    """Files of two ordinary networks."""
    from tests.fuzz import networks

    return networks.sound()


def of(kind):
    """Seeds of a kind by its name; of folders, the files that are damaged in them."""
    return tuple(MAKERS[kind]())


MAKERS = dict(
    dicom=dicom, png=png, jpeg=jpeg, tiff=tiff, pgm=pgm, bmp=bmp, manifest=manifest,
    scores=scores, split=split, h5=lambda: model_files(".h5"), keras=keras_archives,
    settings=settings, card=card, heatmaps=heatmaps, resumed=resumed, network=network)
