"""An ATLAS model card (RSNA, schema 2025-11) from the facts of a run.

Fields that no file knows are left out of the card and named as gaps; name and address,
which the schema demands, then hold a text that says so.
"""

from collections.abc import Mapping
from typing import Any

from end2end.evidence.run_facts import Fact
from end2end.reports import report

SCHEMA = "https://atlas.rsna.org/schemas/2025-11/model.json"
UNKNOWN_NAME = "Unnamed mammography classifier"
UNKNOWN_LINK = "https://doi.org/10.1038/s41598-019-48995-4"
# Field of the schema's model properties: names of the facts it is made of.
PROPERTIES = {
    "Architecture": ("network", "initialization"), "Availability": ("code_access",),
    "Decision threshold": ("thresholds",), "Indications for use": ("use",),
    "Input": ("preprocessing",), "Limitations": ("limitations",),
    "Reproducibility": ("training", "software"),
}
METRICS = {
    "performance": "area under the receiver operating characteristic curve",
    "rates": "sensitivity", "calibration": "Brier score",
    "benefit": "net benefit",
}
REPORTED = ("test_set", "performance", "rates", "calibration", "external", "readers",
            "subgroups", "benefit")


def card(facts: Mapping[str, Fact]) -> tuple[dict[str, Any], list[str]]:
    """The card, as the schema has it, and the fields that are gaps.

    Args:
        facts: of `run_facts.gathered`.
    """
    gaps = []
    model = dict(
        Name=_stated(facts, "name", gaps, UNKNOWN_NAME)[:256].ljust(4, "."),
        Link=_stated(facts, "link", gaps, UNKNOWN_LINK)[:256])
    model["Summary"] = (facts["task"].text + ".")[:250]
    model["Indexing"] = dict(Content=["BR"], Keywords=["mammography", "breast cancer"])
    model["Descriptors"] = _descriptors(facts, gaps)
    model["Imaging"] = dict(Modalities=["Mammography (RID10357)"])
    model["Model properties"] = _properties(facts, gaps)
    known = [name for name in REPORTED if name in facts]
    if known:
        model["Model performance"] = dict(
            Metrics=sorted({METRICS[name] for name in known if name in METRICS}),
            Comments=" ".join(f"{facts[name].text}." for name in known))
    else:
        gaps.append("Model performance")
    return {"$schema": SCHEMA, "Model": model}, gaps


def _stated(facts, name, gaps, otherwise):
    if name in facts:
        return facts[name].text
    gaps.append({"name": "Name", "link": "Link"}[name])
    return otherwise


def _descriptors(facts, gaps):
    fields = dict(References=[dict(
        Title="Deep Learning to Improve Breast Cancer Detection on Screening "
              "Mammography", DOI="10.1038/s41598-019-48995-4",
        Authors="Shen L et al.", Source=report.CITE)])
    for field, name in (("Ethical review", "ethics"), ("Funding", "funding")):
        if name in facts:
            fields[field] = facts[name].text
        else:
            gaps.append(field)
    if "licence" in facts:
        fields["License"] = dict(Text=facts["licence"].text)
    else:
        gaps.append("License")
    if "training_data" in facts:
        fields["Comments"] = f"Trained on: {facts['training_data'].text}"
    return fields


def _properties(facts, gaps):
    fields = {}
    for field, names in PROPERTIES.items():
        texts = [facts[name].text for name in names if name in facts]
        if texts:
            fields[field] = "; ".join(texts)
        else:
            gaps.append(field)
    fields["Output"] = dict(Description=facts["output"].text)
    fields["Regulatory information"] = {
        "FDA cleared": False, "CE marked": False,
        "Comment": "Research use only; not a medical device."}
    fields["Use"] = {"Intended": ["Research on screening mammography"], "Excluded": [
        "Diagnosis, triage or any decision about the care of a patient"]}
    fields["User"] = {"Intended": ["Researchers"]}
    return fields
