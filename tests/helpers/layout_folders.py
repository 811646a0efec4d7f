"""Ten awkward layouts of folders, each with its right table written by hand."""

import hashlib
import shutil

import layouts
from layouts import uid

FOUR = (("L", "CC"), ("L", "MLO"), ("R", "CC"), ("R", "MLO"))
TWO = ("CC", "MLO")
SPOT = [layouts.coded("399055006", "SCT", "Spot Compression")]
MAGNIFIED = [layouts.coded("R-102D6", "SNM3", "Magnification")]
DISPLACED = [layouts.coded("399209000", "SCT", "Implant Displaced")]
ROLLED = [layouts.coded("399197002", "SCT", "Rolled Lateral")]
SYNTHETIC = dict(ImageType=["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "GENERATED_2D"])
GSPS = "1.2.840.10008.5.1.4.1.1.11.1"
REPORT = "1.2.840.10008.5.1.4.1.1.88.50"
MEDIA = "1.2.840.10008.1.3.10"
OTHER = dict(votes="no", kind="other view")
REGION = dict(votes="no", kind="region")


def exams(layout):
    """Several exams of one woman: by study, by date, without date, two a day."""
    def exam(patient, name, date, views=FOUR, day=None, **tags):
        for side, view in views:
            layout.tagged(f"{patient}/{name}_{side}{view}.dcm", patient,
                          f"{patient} {name}", side, view, StudyDate=date, **tags)
        layout.days[f"{patient} {name}"] = day
    exam("W1", "a", "20190301", day=0)
    exam("W1", "b", "20210410", day=771)
    exam("W2", "c", "20200101", day=730)     # the folder's order is not that of time
    exam("W2", "a", "20180101", day=0)
    exam("W2", "b", "20180630", FOUR[:2], day=180)
    # Without study: patient and date tell the exam.
    exam("W3", "a", "20170505", day=0, StudyInstanceUID=None)
    exam("W3", "b", "20180505", day=365, StudyInstanceUID=None)
    exam("W4", "a", None)
    # Two studies of a day are two exams.
    exam("W5", "a", "20220202", day=0)
    exam("W5", "b", "20220202", (("L", "CC"), ("R", "CC")), day=0)


def same_names(layout):
    """The same names in folders."""
    add = layout.named
    for woman in "abcde":
        for side, view in FOUR:
            add(f"woman_{woman}/mammo_{side}_{view}.png", woman, None, side, view)
    for view in TWO:
        # Class folders are no women: one woman, her left breast has cancer.
        add(f"pos/case7_L_{view}.png", "case7", None, "L", view)
        add(f"neg/case7_R_{view}.png", "case7", None, "R", view)
        # Two hospitals count from 001.
        for site in "AB":
            add(f"site{site}/001_L_{view}.png", f"{site} 001", None, "L", view)
        # Nothing before the side: the folder names the woman; sides do not.
        add(f"woman_f/L_{view}.png", "f", None, "L", view)
        add(f"woman_g/left/L-{view}.png", "g", None, "L", view)
        add(f"woman_g/right/R-{view}.png", "g", None, "R", view)


def suffixes(layout):
    """DICOM is known by its content; everything else is accounted for."""
    for k, name in enumerate((
            "a.dcm", "b.IMA", "c.dc3", "d.img", "e.DCM", "f.dicom", "g", "1.2.840.99",
            "MR.1", "i.txt", "j.png", "k.DICOM.bak", "dir.dcm/x.dcm")):
        layout.tagged(name, f"S{k}", f"S{k}", "L", "CC")
    for k, name in enumerate(("IM0001", "IM0002", "h.dcm", "sub/0003.ima"), 50):
        layout.tagged(name, f"S{k}", f"S{k}", "R", "MLO", preamble=False)
    for k, suffix in enumerate(("png", "PNG", "tif", "pgm", "jpg", "bmp"), 1):
        layout.named(f"p{k}_L_CC.{suffix}", f"p{k}", None, "L", "CC")
    layout.left += [
        layout.dicom(".hidden.dcm"), layout.dicom(".cache/b.dcm"),
        layout.file("._a.dcm", b"\0\5\x16\7" + b"\0" * 120), layout.file("readme.txt"),
        layout.file("list.xlsx", b"PK\3\4nothing"), layout.file("report.pdf", b"%PDF"),
        layout.file("Thumbs.db", b"\xd0\xcf\x11\xe0"), layout.file("data.csv", b"a,b"),
        layout.file("long.bin", bytes(range(256)) * 40),
        layout.dicom("DICOMDIR", sop=MEDIA, modality=None, frames=0),
        layout.dicom("PR0001.dcm", sop=GSPS, modality="PR", frames=0),
        layout.dicom("SR0001", sop=REPORT, modality="SR", frames=0)]
    layout.picture("broken.png")
    half = layout.place("broken.png").read_bytes()[:200]
    layout.refused += [layout.file("empty.dcm", b""), layout.file("broken.png", half),
                       layout.file("no.dcm", b"this is a text and no mammogram\n" * 9)]


def placeholders(layout):
    """What stands for a removed PatientID is no woman."""
    for k, tag in enumerate((
            "DEIDENTIFIED", "ANONYMOUS", "0", "N/A", "none", "XXXX", "", "Anonymized",
            " unknown ", "REMOVED", "-", "000000", "de-identified")):
        for view in TWO:
            layout.tagged(f"n{k}_{view}.dcm", None, f"study {k}", "L", view, tag=tag)
    for k, tag in enumerate(("ANON0001", "X1", "0001", "NA12")):
        for view in TWO:
            layout.tagged(f"s{k}_{view}.dcm", tag, f"her {k}", "R", view)
    # One number with four years of birth is nobody's.
    for year in (1950, 1961, 1972, 1983):
        layout.tagged(f"t{year}.dcm", None, f"PAT {year}", "L", "CC", tag="PAT",
                      PatientBirthDate=f"{year}0101")


def views(layout):
    """Spot, magnified, other, implant and partial views, contrast and specimens."""
    add = layout.tagged
    for view in TWO:
        add(f"v1_{view}.dcm", "V1", "V1", "L", view)
    for view in ("ML", "LM", "XCCL"):
        add(f"v1_{view}.dcm", "V1", "V1", "L", view, **OTHER)
    add("v1_spot.dcm", "V1", "V1", "L", "CC", votes="no", kind="spot",
        ViewModifierCodeSequence=SPOT)
    add("v1_magnified.dcm", "V1", "V1", "L", "CC", votes="no", kind="magnified",
        EstimatedRadiographicMagnificationFactor="1.8")
    add("v1_code.dcm", "V1", "V1", "L", "MLO", votes="no", kind="magnified",
        ViewModifierCodeSequence=MAGNIFIED)
    add("v1_rolled.dcm", "V1", "V1", "L", "CC", **OTHER,
        ViewModifierCodeSequence=ROLLED)
    # Nothing of this woman votes; she has a row without a score all the same.
    add("v5_spot.dcm", "V5", "V5", "L", "CC", votes="no", kind="spot",
        ViewModifierCodeSequence=SPOT)
    add("v5_specimen.dcm", "V5", "V5", "L", "", votes="no", kind="specimen",
        ViewPosition=None, ViewCodeSequence=[
            layouts.coded("127457009", "SCT", "tissue specimen from breast")])
    add("v6_MLO.dcm", "V6", "V6", "L", "MLO", SeriesDescription="L MLO MAGNUM 2D")
    add("v6_mag.dcm", "V6", "V6", "L", "CC", SeriesDescription="L CC MAG", votes="no",
        kind="magnified")
    # A part of a large breast ranks below the whole; alone it votes.
    add("v8_cc.dcm", "V8", "V8", "L", "CC", ContentTime="100000")
    add("v8_part.dcm", "V8", "V8", "L", "CC", PartialView="YES", ContentTime="110000",
        votes="no")
    add("v8_mlo.dcm", "V8", "V8", "L", "MLO", PartialView="YES")
    _implants_and_contrast(add)
    _words_and_codes_of_views(layout)


def _implants_and_contrast(add):
    """Of implants the ordinary views vote, not those with the implant pushed back; of
    contrast the low energy where there is no plain image, the recombined never."""
    for view in TWO:
        add(f"v2_{view}.dcm", "V2", "V2", "R", view, BreastImplantPresent="YES")
        add(f"v2_{view}ID.dcm", "V2", "V2", "R", view, BreastImplantPresent="YES",
            votes="no", kind="implant displaced", ViewModifierCodeSequence=DISPLACED)
        add(f"v9_low_{view}.dcm", "V9", "V9", "R", view, kind="low energy",
            ImageType=["ORIGINAL", "PRIMARY", "", "LOW_ENERGY"])
        add(f"v9_sub_{view}.dcm", "V9", "V9", "R", view, votes="no", kind="recombined",
            ImageType=["DERIVED", "PRIMARY", "", "RECOMBINED"])
    add("v2_word.dcm", "V2", "V2", "R", "CC", ViewPosition="RCCID",
        ImageLaterality=None, votes="no", kind="implant displaced")


def _words_and_codes_of_views(layout):
    for side, view in FOUR:
        layout.tagged(f"v3_{side}{view}.dcm", "V3", "V3", side, view,
                      ImageLaterality=None, ViewPosition=side + view)
    layout.tagged("v3_lml.dcm", "V3", "V3", "L", "ML", ImageLaterality=None,
                  ViewPosition="LML", **OTHER)
    for view, code, scheme, more in (
            ("CC", "399162004", "SCT", {}), ("MLO", "R-10226", "SRT", {}),
            ("ML", "399260004", "SCT", OTHER), ("XCCL", "R-1024A", "SRT", OTHER)):
        layout.tagged(f"v4_{view}.dcm", "V4", "V4", "L", view, ViewPosition=None,
                      ViewCodeSequence=[layouts.coded(code, scheme, "x")], **more)
    for view, words in (("CC", "CRANIO-CAUDAL"), ("MLO", "MEDIO-LATERAL OBLIQUE")):
        layout.tagged(f"v7_{view}.dcm", "V7", "V7", "L", view, ViewPosition=words)


def tomosynthesis(layout):
    """2D, synthetic, slices as single files, projections, stacks, raw siblings."""
    add = layout.tagged
    def slices(patient, view, count, sop, word):
        for k in range(count):
            add(f"{patient}/slice{view}{k}.dcm", patient, patient, "L", view, sop=sop,
                votes="no", kind="slice", InstanceNumber=str(k + 1),
                ImageType=["DERIVED", "PRIMARY", word, "NONE"],
                SeriesInstanceUID=uid(patient, view))
    for view in TWO:
        add(f"T1/ffdm_{view}.dcm", "T1", "T1", "L", view)
        add(f"T1/synth_{view}.dcm", "T1", "T1", "L", view, votes="no", kind="synthetic",
            **SYNTHETIC)
        slices("T1", view, 4, layouts.CT, "TOMO")
        # Only synthetic ones: they stand in, which is said.
        add(f"T2/synth_{view}.dcm", "T2", "T2", "L", view, kind="synthetic",
            **SYNTHETIC)
        add(f"T4/ffdm_{view}.dcm", "T4", "T4", "L", view,
            SeriesDescription=f"L {view} Combo 2D + Tomo")
        add(f"T5/{view}.dcm", "T5", "T5", "R", view)
        layout.refused.append(layout.dicom(
            f"T5/raw_{view}.dcm", sop=layouts.MG_RAW, ImageLaterality="R",
            PresentationIntentType="FOR PROCESSING", ViewPosition=view))
    layout.sentences.append(("T2/synth_CC.dcm", "synthetic"))
    add("T3/ffdm_CC.dcm", "T3", "T3", "L", "CC")
    add("T3/synth_MLO.dcm", "T3", "T3", "L", "MLO", kind="synthetic", **SYNTHETIC)
    slices("T4", "CC", 3, layouts.MG, "TOMOSYNTHESIS")
    add("T4/projection.dcm", "T4", "T4", "L", "CC", sop=layouts.PROJECTION, votes="no",
        kind="projection")
    # Known by the words of the maker only.
    for view, words in zip(TWO, ("R CC C-View", "R MLO Intelligent 2D"), strict=True):
        add(f"T5/words_{view}.dcm", "T5", "T5", "R", view, votes="no", kind="synthetic",
            SeriesDescription=words)
    layout.refused += [layout.dicom("T2/stack.dcm", sop=layouts.STACK, frames=5),
                       layout.dicom("T6/chest.dcm", sop=layouts.CT, modality="CT")]


def manifest(layout):
    """A manifest that contradicts tags and names."""
    layout.source, lines = "in/list.csv", ["path,patient_id,laterality,view,exam"]
    def tagged(path, study, row, expected, more=(), **tags):
        layout.dicom(path, StudyInstanceUID=uid(study), **tags)
        lines.append(f"{path},{row}")
        layout.expect(path, *expected, *more)
    def named(path, row, *expected):
        layout.picture(path)
        lines.append(f"{path},{row}")
        layout.expect(path, *expected)
    tagged("m1.dcm", 1, "P1,R,CC,", ("P1", "s1", "R", "CC"), PatientID="P1")
    tagged("m2.dcm", 1, "P1,,,", ("P1", "s1", "L", "MLO"), PatientID="P1",
           ViewPosition="MLO")
    tagged("m3.dcm", 1, "Q9,,,", ("Q9", "s1", "L", "CC"), PatientID="P1")
    named("x_L_CC.png", "Q2,R,MLO,", "Q2", None, "R", "MLO")
    named("y_R_CC.png", "Q2,,,", "Q2", None, "R", "CC")
    named("1.png", "Q3,L,CC,", "Q3", None, "L", "CC")
    named("2.png", "Q3,L,MLO,", "Q3", None, "L", "MLO")
    named("3.png", "Q3,L,ML,", "Q3", None, "L", "ML", "no", "other view")
    lines.append("1.png,Q3,L,CC,")       # twice in the list, the same: once
    for exam in ("e1", "e2"):
        for view in TWO:
            named(f"sub/{exam}{view}.png", f"Q5,L,{view},{exam}", "Q5", f"Q5 {exam}",
                  "L", view)
    # Two lines of one file that differ: what they differ in is unknown.
    named("dup.png", "Q7,L,CC,", "Q7", None, "", "CC", "alone")
    lines.append("dup.png,Q7,R,CC,")
    named("w1.png", "Q6,LEFT,cc,", "Q6", None, "L", "CC")
    named("w2.png", "Q6,left,Mlo,", "Q6", None, "L", "MLO")
    named("w3.png", "Q6,,RCC,", "Q6", None, "R", "CC")
    _more_of_the_manifest(layout, lines, tagged, named)


def _more_of_the_manifest(layout, lines, tagged, named):
    # A placeholder in a cell says nothing: two women by their tags.
    for k in ("7", "12"):
        tagged(f"n{k}.dcm", k, "N/A,,,", (f"P{k}", k, "L", "CC"), PatientID=f"P{k}")
    for exam, view in (("v1", "CC"), ("v2", "MLO")):
        tagged(f"m08{exam}.dcm", 8, f"P8,,,{exam}", ("P8", f"P8 {exam}", "L", view),
               PatientID="P8", ViewPosition=view)
    # What kind of picture it is, this manifest does not say.
    tagged("m9spot.dcm", 9, "P9,L,CC,", ("P9", "s9", "L", "CC"), ("no", "spot"),
           PatientID="P9", ViewModifierCodeSequence=SPOT)
    tagged("m9.dcm", 9, "P9,,,", ("P9", "s9", "L", "CC"), PatientID="P9")
    tagged("m10.dcm", 10, "P10,L,CC,", ("P10", "s10", "L", "CC"), PatientID="P10",
           ViewPosition="ML")
    # The tag wins over the name.
    tagged("a_R_MLO.dcm", 11, ",,,", ("P11", "s11", "L", "CC"), PatientID="P11")
    # ML is INbreast's word for MLO, in its names only.
    for number, word, view in (("20586908", "ML", "MLO"), ("20586934", "CC", "CC")):
        named(f"{number}_6c613a14b80a8591_MG_R_{word}_ANON.png", f"Q4,R,{word},", "Q4",
              None, "R", view)
    layout.picture("unlisted_L_CC.png")     # nobody asked for it
    lines.append("missing.png,Q5,R,CC,e1")
    layout.refused.append("missing.png")
    layout.sentences += [
        *((path, "manifest") for path in ("m1.dcm", "m3.dcm", "x_L_CC.png", "m10.dcm")),
        ("a_R_MLO.dcm", "name")]
    layout.file("list.csv", "\n".join(lines).encode("utf-8-sig"))


def public_sets(layout):
    """Names of the public sets, as PNG."""
    add = layout.named
    _films(add)
    _other_sets(add)
    # RSNA: patient, then image.
    for number, (side, view) in zip((462822612, 1459541791, 1874946579, 1864590858),
                                    FOUR, strict=True):
        add(f"rsna/10006_{number}_{side}_{view}.png", "10006", None, side, view)
    # CSAW-CC: patient, date of the exam, side, view, number.
    for year, days in (("20160101", 0), ("20180101", 731)):
        layout.days[f"00013 {year}"] = days
        for view in TWO:
            add(f"csaw/00013_{year}_L_{view}_1.png", "00013", f"00013 {year}", "L",
                view)
    for k, votes in ((1, "no"), (2, "yes")):
        add(f"csaw/00013_20160101_R_CC_{k}.png", "00013", "00013 20160101", "R", "CC",
            votes)
    # Plain names and what looks like one.
    add("plain/4 R CC.png", "plain 4", None, "R", "CC")
    add("plain/4_RMLO.png", "plain 4", None, "R", "MLO")
    add("plain/123_45_L_CC.png", "plain 123_45", None, "L", "CC")
    add("plain/7_L_CC_spot.png", "plain 7", None, "L", "CC", "no", "spot")
    add("plain/7_L_ML.png", "plain 7", None, "L", "ML", "no", "other view")
    add("plain/7_L_MLO.png", "plain 7", None, "L", "MLO")
    add("plain/7_L_CC.png", "plain 7", None, "L", "CC")
    for name in ("scan_2021_12_03", "CELLO_L_CCX", "HALL_CC", "mdb_report", "P_00001"):
        add(f"plain/{name}.png", None, None, "", "", "alone")


def _films(add):
    """CBIS-DDSM, whose number at the end is a region; mini-MIAS: odd is right."""
    for path, patient, side, view, more in (
            ("Calc-Training_P_00001_LEFT_CC", "P_00001", "L", "CC", dict(votes="no")),
            ("Mass-Training_P_00001_LEFT_CC", "P_00001", "L", "CC", {}),
            ("Mass-Training_P_00001_LEFT_MLO", "P_00001", "L", "MLO", {}),
            ("P_00002_RIGHT_CC", "P_00002", "R", "CC", {}),
            ("P_00002_RIGHT_MLO_1", "P_00002", "R", "MLO", dict(kind="region")),
            ("Calc-Test_P_00003_LEFT_MLO", "P_00003", "L", "MLO", {}),
            ("Calc-Test_P_00003_LEFT_MLO_1", "P_00003", "L", "MLO", REGION),
            ("Mass-Test_P_00016_LEFT_CC/1.3.6.1.4/1.3.6.2/000000", "P_00016", "L", "CC",
             {}),
            ("Mass-Test_P_00016_LEFT_CC_1/1.3.6.1.4/1.3.6.2/000001", "P_00016", "L",
             "CC", REGION)):
        add(f"CBIS-DDSM/{path}.png", patient, None, side, view, **more)
    for k in (1, 2, 3, 4):
        add(f"mias/mdb{k:03d}.png", f"mias {(k + 1) // 2}", None, "LR"[k % 2], "MLO")


def _other_sets(add):
    # INbreast: hash of the woman; numbers far apart are another exam; ML is MLO.
    for number, exam, side, word in (
            (20586908, "a", "R", "CC"), (20586934, "a", "L", "CC"),
            (20586960, "a", "R", "ML"), (50994354, "b", "R", "CC")):
        add(f"inbreast/{number}_6c613a14b80a8591_MG_{side}_{word}_ANON.png", "6c",
            f"6c {exam}", side, "MLO" if word == "ML" else "CC")
    # VinDr: the folder is the exam, of an unknown woman.
    for study in ("b8d273e8601f348d3664778dae0e7e0b",
                  "7555aa6e1b2a4d0f93c0d4c6f2f3a111"):
        for k in "ab":
            name = hashlib.sha256((study + k).encode()).hexdigest()[:32]
            add(f"vindr/images/{study}/{name}.png", None, study, "", "", "alone")
    # CMMD and EMBED: patient and exam are folders.
    for woman, k in (("D1-0001", 1), ("D1-0001", 2), ("D2-0003", 1)):
        add(f"CMMD/{woman}/07-18-2010-NA-NA-79377/1.000000-NA-70244/1-{k}.png", woman,
            None, "", "", "alone")
    for exam in ("7690447150788988", "8099128854014801"):
        add(f"cohort_1/10000347/{exam}/1.2.842.113619.2.66.{exam}.png", "10000347",
            exam, "", "", "alone")
    # GMIC, and the mammograms with contrast of CDD-CESM.
    for side, view in FOUR:
        add(f"gmic/3_{side}-{view}.png", "gmic 3", None, side, view)
    add("cesm/P42_R_DM_MLO.png", "P42", None, "R", "MLO", kind="low energy")
    add("cesm/P42_R_CM_MLO.png", "P42", None, "R", "MLO", "no", "recombined")


def doubles(layout):
    """The same file twice, and several images of a view."""
    add = layout.tagged
    def copied(source, target, group):
        shutil.copyfile(layout.place(source), layout.place(target))
        for path in (source, target):
            first = layout.images[source]
            layout.expect(path, first.patient, first.exam, first.laterality, first.view,
                          double_of=group)
    for view in TWO:
        add(f"d1/{view}.dcm", "D1", "D1", "L", view)
    copied("d1/CC.dcm", "d1/copy/CC.dcm", "d1 CC")
    copied("d1/CC.dcm", "d1/zz.IMA", "d1 CC")
    # Written anew by another program: the same image all the same.
    pixels = layout.pixels()
    for name in ("first", "second"):
        add(f"d1/r_{name}.dcm", "D1", "D1", "R", "CC", SOPInstanceUID=uid("d1"),
            pixels=pixels, implicit=name == "second", double_of="d1 R")
        # One picture under two patients: neither is taken away, which is said.
        add(f"d3/{name}.dcm", name, name, "L", "CC", SOPInstanceUID=uid("d3"),
            pixels=pixels)
    for view in TWO:     # One number of two pictures is no double, which is said.
        add(f"d2/{view}.dcm", "D2", "D2", "L", view, SOPInstanceUID=uid("d2"))
    layout.sentences += [("d3/second.dcm", "another patient"),
                         ("d2/MLO.dcm", "other pixels")]
    for name, patient, side, view in (
            ("case1_L_CC", "case1", "L", "CC"), ("case1_L_MLO", "case1", "L", "MLO")):
        layout.named(f"png/{name}.png", patient, None, side, view)
    copied("png/case1_L_CC.png", "png/case1_L_CC (1).png", "case1")
    copied("png/case1_L_CC.png", "png/case1_L_CC_copy.png", "case1")
    # The same bytes as another woman: both stay, which is said.
    shutil.copyfile(layout.place("png/case1_L_CC.png"),
                    layout.place("png/case9_L_CC.png"))
    layout.expect("png/case9_L_CC.png", "case9", None, "L", "CC")
    layout.sentences.append(("png/case9_L_CC.png", "same picture"))
    _repeats(layout)


def _repeats(layout):
    """The last taken votes; else that of the highest number, else of the last name."""
    for name, side, view, votes, tags in (
            ("cc_3", "L", "CC", "no", dict(ContentTime="100000")),
            ("cc_1", "L", "CC", "yes", dict(ContentTime="101000")),
            ("mlo_a", "L", "MLO", "yes", dict(InstanceNumber="10")),
            ("mlo_b", "L", "MLO", "no", dict(InstanceNumber="9")),
            ("r_2", "R", "CC", "no", {}), ("r_10", "R", "CC", "yes", {}),
            ("t", "R", "MLO", "no", dict(AcquisitionDate="20200102",
                                         AcquisitionTime="080000")),
            ("s", "R", "MLO", "yes", dict(AcquisitionDate="20200103",
                                          AcquisitionTime="070000"))):
        layout.tagged(f"d4/{name}.dcm", "D4", "D4", side, view, votes=votes, **tags)


def hostile(layout):
    """Texts that hurt, and one number for several women."""
    add = layout.tagged
    add("h01.dcm", "H1", "H1", "L", "", ViewPosition="A" * 200_000, implicit=True,
        **OTHER)
    for view in TWO:
        add(f"h02_{view}.dcm", "H1", "H1", "L", view)
    for k, tag in enumerate(("\x1b[31mEVIL\x1b[0m\x07", "=1+1", "@SUM(A1)", "+4711",
                             "-4711", "'=x", "'quoted", "Z" * 60, "Z" * 60 + "b")):
        add(f"h03_{k}.dcm", tag, f"h3 {k}", "L", "CC", tag=tag)
    add("h11.dcm", "H11", "h11", "L", "", ViewPosition="=CMD", **OTHER,
        SeriesDescription='=HYPERLINK("http://x")')
    for number, first, second in (
            (14, dict(PatientBirthDate="19500101"), dict(PatientBirthDate="19710505")),
            (15, dict(IssuerOfPatientID="HOSPA"), dict(IssuerOfPatientID="HOSPB")),
            (16, dict(PatientName="ROE^JANE"), dict(PatientName="DOE^MARY"))):
        for k, tags in enumerate((first, second)):
            for view in TWO:
                add(f"h{number}{'ab'[k]}_{view}.dcm", f"S{number} {k}", f"{number} {k}",
                    "L", view, tag=f"S{number}", **tags)
    # A name that changed, with one date of birth, is one woman.
    for k, (name, year) in enumerate((("SMITH^ANNA", 2010), ("MILLER^ANNA", 2011))):
        add(f"h17_{k}.dcm", "S17", f"h17 {k}", "L", "CC", PatientName=name,
            PatientBirthDate="19600606", StudyDate=f"{year}0101")
        layout.days[f"h17 {k}"] = 365 * k
    layout.sentences += [("h14a_CC.dcm", "birth"), ("h16a_CC.dcm", "name")]
    # Which of the two women she is, nobody says.
    add("h18.dcm", None, "h18", "L", "CC", tag="S14")
    add("h19.dcm", "H19", "H19", "", "CC", ImageLaterality="B", votes="alone")
    add("h20_a.dcm", "H20", "H20", "L", "CC", ImageLaterality="l", ViewPosition=" cc ")
    add("h20_b.dcm", "H20", "H20", "L", "MLO", ImageLaterality="Left",
        ViewPosition="mlo", tag="H20  ")
    for name in ("=cmd", "@x", "-y", "+z"):
        layout.named(f"{name}_L_CC.png", name, None, "L", "CC")
    # One study number for two women.
    for tag in ("H25", "H26"):
        add(f"{tag}.dcm", tag, f"exam {tag}", "R", "CC", StudyInstanceUID=uid("h25"))


LAYOUTS = dict(
    exams=exams, same_names=same_names, suffixes=suffixes, placeholders=placeholders,
    views=views, tomosynthesis=tomosynthesis, manifest=manifest,
    public_sets=public_sets, doubles=doubles, hostile=hostile)
