"""Facts for a report, each with the file that says it: cards, results, the program.

What no file says stays unknown; nothing is filled in.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from end2end.checkpoints import card_fields
from end2end.reports import report, score_tables
from end2end.utils import files

PROGRAM = "end2end"


@dataclasses.dataclass(frozen=True)
class Fact:
    """A statement and where it was read.

    Attributes:
        text: a sentence or its part.
        source: name of the file, or `end2end` for what the program does always.
    """

    text: str
    source: str


# What the program does always, whatever the run.
ALWAYS = {
    "task": "Classification of whole two-dimensional mammograms into cancer (class "
            "pos) and no cancer, after Shen et al. 2019",
    "use": f"Research only. {report.RESEARCH}",
    "output": report.MEANING,
    "limitations": report.LIMITS,
    "uncertainty": "95 % intervals: bootstrap (3000 draws, corrected for bias and "
                   "skewness) and DeLong; women with several images are drawn together",
    "measures": "AUC, sensitivity and specificity at operating points, calibration, "
                "with intervals",
    "heterogeneity": "Images of one woman are taken as depending on each other",
    "background": "Method and its published results: " + report.CITE,
    "explanation": "Saliency maps, Grad-CAM and patch heatmaps can be drawn "
                   "(ddsm_train.draw_saliency)",
    "identifiers": "Pseudonyms stand for patients' numbers of DICOM tags in all tables",
}
# What only people know; names for `--facts`.
PEOPLE = {
    "title": "title that names the model and the task",
    "abstract": "structured summary",
    "objectives": "aims of the study",
    "design": "prospective or retrospective, setting",
    "eligibility": "who was included and excluded", "dates": "when images were taken",
    "reference": "how cancer was established", "annotators": "who annotated, and how",
    "blinding": "whether outcome and score were read blind to each other",
    "variability": "agreement between annotators", "treatment": "treatments, if any",
    "sample_size": "why this many cases", "missing": "how missing data were handled",
    "disjoint": "that no woman is in two parts of the data",
    "demographics": "age, ancestry, density of the women",
    "acquisition": "devices and settings",
    "interpretation": "what the results mean beside other studies",
    "implications": "use in practice, and who would use it",
    "failures": "what was learnt from wrong cases",
    "fairness": "how fairness was pursued",
    "ethics": "ethical approval and consent", "funding": "who paid",
    "conflicts": "conflicts of interest", "protocol": "where the protocol is",
    "registration": "where the study is registered", "data_access": "where data are",
    "code_access": "where code and model are", "involvement": "patients' part in it",
    "link": "address of the model", "name": "name of the model",
}


def gathered(paths: Iterable[files.Path], stated: Mapping[str, str] | None = None
             ) -> dict[str, Fact]:
    """All facts of a run, by name; what people state goes before what files say.

    Args:
        paths: JSON files, or folders, in which `*.config.json`, `*.report.json` and
            `results.json` are read.
        stated: texts by name.

    Raises:
        files.InputError: no such path, no JSON in it, or a stated name is not known.
    """
    facts = {name: Fact(text, PROGRAM) for name, text in ALWAYS.items()}
    for path in documents(paths):
        content = files.read_json(path, "file of a run")
        if not isinstance(content, dict):
            raise files.InputError(
                f"{path} is not a JSON object; expected a card or results.")
        for name, text in read(content, path).items():
            old = facts.get(name)
            joined = old and old.source != PROGRAM and old.text != text
            facts[name] = Fact(f"{old.text}; {text}" if joined else text,
                               f"{old.source}, {path.name}" if joined else path.name)
    unknown = sorted(set(stated or ()) - set(PEOPLE) - set(facts) - set(ALWAYS))
    if unknown:
        raise files.InputError(
            f"--facts has the name {unknown[0]!r}, which no item asks for; "
            "--list-facts prints those that are known.")
    return facts | {name: Fact(str(text), "stated")
                    for name, text in (stated or {}).items() if str(text).strip()}


def documents(paths: Iterable[files.Path]) -> list[pathlib.Path]:
    """The JSON files of a run, each once.

    Raises:
        files.InputError: there are none.
    """
    documents = []
    for path in map(pathlib.Path, paths):
        if path.is_dir():
            inside = sorted({*path.glob("*.config.json"), *path.glob("*.report.json"),
                             *path.rglob("results.json")})
            if not inside:
                raise files.InputError(
                    f"{path} has no card (*.config.json) and no results.json; give "
                    "folders of a model, of its tests and of these commands.")
            documents += inside
        else:
            documents.append(files.existing_file(path, "file of a run"))
    return list(dict.fromkeys(documents))


def read(content: dict[str, Any], path: pathlib.Path) -> dict[str, str]:
    """Facts of one file, by name; empty where it is of no known kind."""
    reader = next((reader for keys, reader in READERS.items()
                   if all(key in content for key in keys)), None)
    if reader is None:
        return {}
    if reader is _card:
        content = card_fields.checked(content, str(path))
    return {name: text for name, text in reader(content).items() if text}


# Cards ----------------------------------------------------------------------------


def _card(card):
    images, model = card.get("images") or {}, card.get("model") or {}
    training = card.get("training") or {}
    facts = dict(
        name=card.get("name"), training_data=card.get("trained_on"),
        licence=card.get("licence"), split=_text(training, "split"),
        acquisition_kind=card.get("acquisition"), lineage=_lineage(card))
    if images.get("size"):
        height, width = images["size"]
        facts["preprocessing"] = (
            f"resized to {height} x {width} pixels, intensities times "
            f"{images.get('intensity_scale')}, mean grey value "
            f"{images.get('pixel_mean')} subtracted")
        facts["augmentation"] = "random flips, rotations, scales and shears" if (
            images.get("augment")) else "none"
    if model.get("backbone"):
        facts["network"] = (
            f"convolutional network, backbone {model['backbone']}, top "
            f"{model.get('top_kind')} {model.get('top_filters')}, "
            f"{len(card.get('classes') or ())} outputs")
        facts["initialization"] = (
            f"patch classifier {pathlib.Path(model['patch_model_path']).name}"
            if model.get("patch_model_path") else
            "pretrained on ImageNet" if model.get("pretrained") else "random")
    if training.get("optimizer"):
        facts["training"] = ", ".join(
            f"{name.replace('_', ' ')} {training[name]}" for name in (
                "optimizer", "learning_rate", "batch_size", "balance_batches", "seed",
                "deterministic") if training.get(name) is not None)
        facts["imbalance"] = "batches balanced by class" if training.get(
            "balance_batches") else "classes as they are"
    facts["selection"] = _selection(card.get("metrics") or {})
    facts["software"] = ", ".join(f"{name} {version}" for name, version in (
        card.get("software") or {}).items())
    facts["thresholds"] = "; ".join(
        f"{row['threshold']:.4g} for {row['at']} {row[row['at']]:.3f} ({row['scheme']})"
        for row in card.get("operating_points") or () if "scheme" in row)
    calibrations = card.get("calibration") or {}
    facts["updating"] = "; ".join(
        f"recalibrated on {row.get('source')} ({scheme})"
        for scheme, row in (calibrations.get("logistic") or {}).items())
    if not facts["updating"] and calibrations.get("temperature"):
        facts["updating"] = f"temperature found on {calibrations.get('source')}"
    return facts


def _text(values, name):
    return str(values[name]) if values.get(name) else ""


def _lineage(card):
    parent = card.get("parent") or {}
    return ", ".join(f"{name} {value}" for name, value in parent.items()
                     if isinstance(value, (str, int, float)))


def _selection(numbers):
    if not isinstance(numbers.get("val_auc"), (int, float)):
        return ""
    return (f"the epoch with the highest AUC on the validation images (epoch "
            f"{numbers.get('epoch')}, AUC {numbers['val_auc']:.3f})")


def _training(results):
    stages = dict.fromkeys(row.get("stage", "") for row in results["history"])
    return dict(epochs=f"{results['epochs']} epochs: {', '.join(filter(None, stages))}")


# Results --------------------------------------------------------------------------


def _between(interval):
    if isinstance(interval, Mapping):
        interval = (interval.get("low"), interval.get("high"))
    try:
        return f"{interval[0]:.3f} to {interval[1]:.3f}"
    except (TypeError, IndexError):
        return "unknown"


def _evaluation(results):
    plain = results.get("plain") or {}
    facts = dict(flow="; ".join(map(str, results.get("accounting") or ())))
    if isinstance(plain.get("auc"), float):
        facts |= dict(
            test_set=f"{pathlib.Path(str(results.get('test'))).name}: {plain['count']} "
                     f"images, {plain['positive']} with cancer",
            performance=f"AUC {plain['auc']:.3f} ({_between(plain['auc_interval'])})"
                        + score_tables.few(plain))
        facts["rates"] = "; ".join(
            f"sensitivity {row['sensitivity']:.3f}, specificity "
            f"{row['specificity']:.3f} at {row['threshold']:.4g}"
            for row in plain.get("operating_points") or ())
        if plain.get("calibration"):
            facts["calibration"] = f"Brier score {plain['calibration']['brier']:.3f}"
        facts["subgroups"] = "; ".join(
            f"{name}: " + ", ".join(f"{value} {row['auc']:.3f}"
                                    for value, row in rows.items() if "auc" in row)
            for name, rows in (plain.get("groups") or {}).items())
    models = results.get("models") or ()
    facts["ensemble"] = f"mean of {len(models)} models" if len(models) > 1 else (
        "a single model")
    return facts


def _validation(results):
    rows = [f"{site}, {model}: AUC {row['auc']['value']:.3f} ({_between(row['auc'])}), "
            f"{row['count']} rows, {row['positive']} with cancer"
            for site, models in results["sites"].items()
            for model, row in models.items()]
    slopes = [f"{site}, {model}: intercept "
              f"{row['calibration']['intercept']['value']:.3f}, slope "
              f"{row['calibration']['slope']['value']:.3f}"
              for site, models in results["sites"].items()
              for model, row in models.items() if "slope" in row.get("calibration", {})]
    return dict(external="; ".join(rows), calibration="; ".join(slopes))


def _reader_study(results):
    mean = _first(results["readers"]["mean"])
    differences = {name: _first(row["against_mean"])
                   for name, row in results["models"].items()}
    rows = [f"{name} {row['value']:+.3f} ({_between(row)})"
            for name, row in differences.items()]
    return dict(readers=f"{len(results['readers']['each'])} readers with a mean AUC of "
                        f"{mean['value']:.3f} ({_between(mean)}); models less readers: "
                        + "; ".join(rows))


def _first(results):
    """The estimate for readers and cases, where there are several readers."""
    return next(iter(results.values()))["estimate"]


def _groups(results):
    rows = [f"{row['column']} {row['value']}: AUC {row['auc']['value']:.3f} "
            f"({_between(row['auc'])})" for row in results["groups"] if row.get("auc")]
    return dict(subgroups="; ".join(rows))


def _use(results):
    curves = results["decision_curves"]
    return dict(benefit=f"decision curves of {', '.join(curves)}" if curves else "",
                workload=f"{len(results['reading'].get('ways') or ())} ways of reading "
                         "compared by workload, recall and detection")


# Keys that tell the kind of a file: what reads it; the first that fits.
READERS: dict[tuple[str, ...], Callable[[dict], dict]] = {
    ("classes", "images"): _card, ("history", "epochs"): _training,
    ("plain", "models"): _evaluation, ("sites", "between_sites"): _validation,
    ("readers", "models", "counts"): _reader_study, ("groups", "worst"): _groups,
    ("decision_curves", "reading"): _use}
