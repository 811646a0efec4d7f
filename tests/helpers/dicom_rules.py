"""The program dicom-validator with the tables of the standard that the package
dicom-standard holds (April 2020), instead of those that it fetches from outside.

The tables lack the values of coded strings, which are left to dciodvfy.
"""

import importlib.metadata
import json
import logging
import re

import pytest

OBJECTS = ("Secondary Capture Image", "Comprehensive 3D SR", "Segmentation")
# Whose functional groups the object chooses.
GROUPS = ("(5200,9229)", "(5200,9230)")
CONTENT, CONTENT_MODULE = "(0040,A730)", "sr-document-content"
# The tables name the attributes of all kinds of content items together. Those of one
# kind stand in macros of their own in the standard (PS3.3, table C.17-5).
KINDS = {
    "(0008,1199)": "COMPOSITE, IMAGE or WAVEFORM", "(0040,A050)": "CONTAINER",
    "(0040,A168)": "CODE", "(0040,A300)": "NUM", "(0070,0022)": "SCOORD or SCOORD3D",
    "(0070,0023)": "SCOORD or SCOORD3D", "(3006,0024)": "SCOORD3D",
    "(0040,A130)": "TCOORD"}
# Of moments, of which any will do.
OPTIONAL = ("(0040,A138)", "(0040,A13A)")


class Silent:
    """Takes the results, of which it prints nothing."""

    def handle_validation_start(self, result):
        pass

    def handle_validation_result(self, result):
        pass


def validator():
    """A function from the path of a file to its errors; skips without the packages."""
    pytest.importorskip("dicom_validator", reason="pip install dicom-validator")
    try:
        listed = importlib.metadata.files("dicom-standard")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("needs the package dicom-standard: pip install dicom-standard")
    from dicom_validator.validator.dicom_file_validator import DicomFileValidator
    tables = {path.stem: path.locate() for path in listed if path.suffix == ".json"}
    program = DicomFileValidator(
        _information(lambda name: json.loads(tables[name].read_text("utf-8"))),
        logging.ERROR, error_handler=Silent())

    def errors(path):
        result, = program.validate(path).values()
        assert result.status.name in ("Passed", "Failed"), result.status
        return [f"{module}: {tag} {error.code.name}"
                for module, errors in result.module_errors.items()
                for tag, error in errors.items()]
    return errors


def _information(rows):
    from dicom_validator.spec_reader.condition_parser import ConditionParser
    from dicom_validator.validator.dicom_info import DicomInfo
    dictionary = {row["tag"]: dict(
        name=row["name"], vr=row["valueRepresentation"], vm=row["valueMultiplicity"],
        prop="RET" if row["retired"] == "Y" else "") for row in rows("attributes")}
    parser = ConditionParser(dictionary)
    names = {row["id"]: row["name"] for row in rows("ciods") if row["name"] in OBJECTS}
    modules, uses = {}, {name: {} for name in OBJECTS}
    for kind, key in (("modules", "module"), ("fg_macros", "macro")):
        chosen = [row for row in rows(f"ciod_to_{kind}") if row["ciodId"] in names]
        for row in chosen:
            uses[names[row["ciodId"]]].setdefault(kind, {})[row[f"{key}Id"]] = _use(
                row, row[f"{key}Id"], parser)
        used = {row[f"{key}Id"] for row in chosen}
        modules |= _nested([row for row in rows(f"{key}_to_attributes")
                            if row[f"{key}Id"] in used], dictionary, parser)
    _complete(modules, parser)
    return DicomInfo(dictionary, {
        row["id"]: dict(title=row["ciod"], modules=uses[row["ciod"]]["modules"],
                        group_macros=uses[row["ciod"]].get("fg_macros", {}))
        for row in rows("sops") if row["ciod"] in OBJECTS}, modules)


def _use(row, name, parser):
    use = dict(ref=name, use=row["usage"])
    if row["conditionalStatement"]:
        use["cond"] = parser.parse(
            f"{row['usage']} - {row['conditionalStatement']}").result_dict()
    return use


def _nested(rows, dictionary, parser):
    """Attributes by tag, by module; those of items below `items`."""
    modules, attributes = {}, {}
    for row in rows:
        above, _, _ = row["path"].rpartition(":")
        attribute = dict(name=dictionary.get(row["tag"], {}).get("name", ""),
                         type=row["type"])
        if row["type"] in ("1C", "2C", "3"):
            condition = parser.parse(re.sub("<[^>]*>", "", row["description"]).strip())
            if condition.type != "U":
                attribute["cond"] = condition.result_dict()
        level = attributes[above].setdefault("items", {}) if ":" in above else (
            modules.setdefault(above, {}))
        level[row["tag"]] = attributes[row["path"]] = attribute
    return modules


def _complete(modules, parser):
    """Adds what the tables leave out."""
    for tag in GROUPS:
        modules["multi-frame-functional-groups"][tag]["items"] = {
            "include": [{"ref": "FuncGroup"}]}
    content = modules[CONTENT_MODULE]
    for tag, kinds in KINDS.items():
        condition = parser.parse(f"Required if Value Type (0040,A040) is {kinds}.")
        content[tag] |= dict(type="1C", cond=condition.result_dict() | {"type": "MN"})
    for tag in OPTIONAL:
        content[tag] = dict(name=content[tag]["name"], type="3")
    # Content items hold content items.
    content[CONTENT]["items"]["include"] = [{"ref": CONTENT_MODULE}]
