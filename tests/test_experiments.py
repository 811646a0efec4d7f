"""Programs of experiments: what is done in which order, and the tables of the rows."""

import dataclasses
import json
import pathlib

import experiment_commands
import numpy as np
import pytest

from end2end import experiments
from end2end.evaluation import testing
from end2end.metrics import __main__ as metrics_program
from end2end.metrics import statistics
from end2end.tables import scores
from end2end.utils import files, steps


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    needs: tuple = ()
    title: str = "what"
    source: str = "Table 9"
    published: dict = dataclasses.field(default_factory=lambda: dict(auc=0.875))
    hours: float = 1.0


ROWS = {row.name: row for row in (Row("a"), Row("b", ("a",)), Row("c", ("b", "a")))}


def row_steps(row, run, tested):
    return [steps.Step(name, "", ("module", name))
            for name in (row.name, f"test-{row.name}")[:1 + tested]]


PROGRAM = experiments.Program(
    name="some.experiments", rows=ROWS, groups={"all": list(ROWS)},
    scales={"paper": experiments.Scale((8, 6)),
            "demo": experiments.Scale((4, 3), phantoms=("--patients", 3))},
    data=("Set", "SET", "FOLDER", "download"),
    help={"--run": "which", "--scale": "how"},
    folder="experiments", steps=row_steps,
    data_steps=lambda run: [steps.Step("prepare", "", ("module", "prepare"))],
    outcome=lambda row, run: dict(plain=(run.seed / 10, None)),
    columns=(experiments.NAME, *experiments.VALUES),
    split_columns=(experiments.NAME, experiments.Column("ours", outcome="plain"),
                   experiments.Column("usual", outcome="plain", beside=True)))


@pytest.fixture
def performed(monkeypatch):
    names = []
    monkeypatch.setattr(steps, "perform", lambda step, out: names.append(step.name))
    return names


def arguments(*words):
    return experiments.parser(PROGRAM, "A program.").parse_args(words)


def run(folder, seed=1):
    return experiments.Run(folder, PROGRAM.scales["demo"], seed, None)


def test_what_is_needed_comes_first_and_everything_once(tmp_path, performed):
    experiments.perform(PROGRAM, ["c", "a"], run(tmp_path))
    assert performed == ["prepare", "a", "b", "c", "test-c", "test-a"]
    assert experiments.with_needs(PROGRAM, ["c", "a"]) == ["a", "b", "c"]


def test_what_is_checked_is_checked_before_any_step(tmp_path, performed):
    def check(rows, run):
        assert [row.name for row in rows] == ["a", "b"]
        raise files.InputError("a model is missing")

    program = dataclasses.replace(PROGRAM, check=check)
    with pytest.raises(files.InputError, match="model is missing"):
        experiments.perform(program, ["b"], run(tmp_path / "out"))
    assert not performed and not (tmp_path / "out").exists()


def test_a_name_is_an_experiment_or_a_group():
    assert list(experiments.chosen(PROGRAM, "b")) == ["b"]
    assert list(experiments.chosen(PROGRAM, "all")) == ["a", "b", "c"]
    with pytest.raises(files.InputError, match="'d' is not known; expected one of all"):
        experiments.chosen(PROGRAM, "d")


def test_the_table_has_ours_beside_theirs_and_the_range_of_seeds(tmp_path):
    text = experiments.table(PROGRAM, ["a"], [run(tmp_path, 5)])
    assert "| a | 0.88 | 0.50 | - | - |" in text and "nothing about women" in text
    text = experiments.table(PROGRAM, ["a"], [run(tmp_path, 5), run(tmp_path, 7)])
    assert "| a | 0.88 | 0.60 (0.50 to 0.70, 2 seeds) | - | - |" in text
    real = experiments.Run(tmp_path, PROGRAM.scales["paper"], 5, tmp_path)
    assert "women" not in experiments.table(PROGRAM, ["a"], [real])


def test_a_list_has_source_value_and_hours():
    text = experiments.listing(ROWS.values(), prefix="x-")
    assert "| `x-b` | Table 9 | what | 0.88 | 1.0 |" in text
    assert text.endswith(experiments.HOURS)


def test_without_data_only_phantoms_can_be_run():
    with pytest.raises(files.InputError, match="folder of Set as downloaded"):
        experiments.run_of(PROGRAM, arguments("--run", "a"), 1)
    assert experiments.run_of(PROGRAM, arguments("--table", "a"), 1).data is None
    made_up = experiments.run_of(PROGRAM, arguments("--run", "a", "--scale", "demo"), 1)
    assert made_up.demo and str(made_up.out) == "runs/demo-experiments"


def test_the_program_lists_runs_and_tabulates(tmp_path, performed, capsys):
    experiments.main(dataclasses.replace(PROGRAM, prefix="x-"), arguments("--list"))
    assert "| `x-a` |" in capsys.readouterr().out and not performed
    experiments.main(PROGRAM, arguments(
        "--run", "a", "--scale", "demo", "--out", str(tmp_path), "--seed", "5"))
    assert performed == ["prepare", "a", "test-a"]
    assert "| a | 0.88 | 0.50 |" in capsys.readouterr().out


def test_auc_goes_before_accuracy_and_each_scheme_has_its_interval():
    assert experiments.measured(dict(
        plain=dict(auc=0.9, accuracy=0.8, auc_interval=[0.8, 1.0]),
        flips=dict(accuracy=0.7))) == dict(
            plain=(0.9, [0.8, 1.0], ""), flips=(0.7, None, ""))
    assert experiments.measured(dict(auc=0.6)) == dict(plain=(0.6, None, ""))


def test_few_cancers_stand_beside_the_interval_of_an_experiment():
    row = experiments.measured(dict(
        auc=0.6, auc_interval=[0.4, 0.8], count=30, positive=10))
    assert experiments.together([row["plain"]]) == (
        "0.60 [0.40, 0.80] (few: 10 with cancer)")


@pytest.mark.parametrize("part", ["flags", "inbreast", "commands"])
def test_the_settings_of_every_earlier_experiment_stay_as_they_were(part):
    path = pathlib.Path(__file__).parent / "fixtures" / "experiment_settings.json"
    earlier = json.loads(path.read_text(encoding="utf-8"))[part]
    now = experiment_commands.settings()[part]
    pairs = [("", earlier, now)] if part != "commands" else [
        (scale, rows, now[scale]) for scale, rows in earlier.items()]
    for scale, rows, ours in pairs:
        changed = [name for name, value in rows.items() if ours.get(name) != value]
        assert not changed, scale


def test_another_split_is_done_beside_the_usual_one_and_tabled_with_it(
        tmp_path, monkeypatch, capsys):
    folders = []
    monkeypatch.setattr(steps, "perform", lambda step, out: folders.append(
        (step.name, out.relative_to(tmp_path).as_posix())))
    program = dataclasses.replace(PROGRAM, outcome=lambda row, run: dict(
        plain=(0.25 if run.beside else 0.75, None)))
    experiments.main(program, arguments(
        "--run", "a", "--scale", "demo", "--out", str(tmp_path), "--split", "official"))
    assert folders == [
        (name, folder) for folder in (".", "official") for name in
        ("prepare", "a", "test-a")]
    assert "| a | 0.25 | 0.75 |" in capsys.readouterr().out


def test_a_run_on_another_split_takes_the_same_download_and_prepares_it_so(tmp_path):
    usual = run(tmp_path)
    split = experiments.on_split(usual, "official")
    assert split.download == usual.download and split.demo
    assert split.scale.prepare[-2:] == ("--split", "official")


def breasts(*views):
    """Scores of six breasts, three with cancer, by view; each breast is a woman's."""
    names = ("CC", "MLO")
    return scores.Scores(
        tuple(f"{number}-{name}.png" for name in names for number in range(6)),
        np.concatenate(views), np.array([0, 0, 0, 1, 1, 1] * 2),
        patients=tuple(f"p{number}" for number in range(6)) * 2,
        lateralities=("L",) * 12, views=("CC",) * 6 + ("MLO",) * 6)


@pytest.mark.usefixtures("light_figures")
def test_what_the_text_states_is_read_from_the_results_of_the_programs(tmp_path):
    # One cancer is missed in each view by a score of 0.1; the other view has 0.9.
    plain = breasts([.2, .3, .4, .1, .8, .7], [.2, .3, .4, .9, .1, .7])
    flips = breasts([.2, .3, .4, .9, .8, .7], [.2, .3, .4, .9, .8, .7])
    draw = statistics.Draw(50, 1)
    results = testing.compare(dict(plain=plain, flips=flips), draw)
    gain = experiments.two_view_gain(results)
    assert gain["plain"][0] == pytest.approx(1 - results["plain"]["auc"])
    assert gain["flips"][0] == 0
    assert experiments.flip_gain(results)["plain"][0] == pytest.approx(
        1 - results["plain"]["auc"])
    for number, table in enumerate((plain, flips)):
        scores.write_scores(tmp_path / f"{number}.csv", table)
    metrics_program.main([
        str(tmp_path / "0.csv"), str(tmp_path / "1.csv"), "--at", "0.8", "--runs", "50",
        "--out", str(tmp_path / "out")])
    results = files.read_json(tmp_path / "out" / "results.json")
    assert experiments.difference(results)["plain"][0] == pytest.approx(
        1 - results["auc"])
    assert experiments.specificity(results)["plain"][0] == 0


@pytest.mark.parametrize(("outcomes", "text"), [
    ([], "-"), ([None, None], "-"), ([0, None, 3], "0, 3"), (["b", "a", "b"], "b, a"),
    ([(0.875, [0.8, 0.926], " (few)"), None], "0.88 [0.80, 0.93] (few)"),
    ([(0.875, [], "")], "0.88"), ([(None, None)], "-"),
    ([(0.0625, [-0.1, 0.2], "", "+.3f")], "+0.062 [-0.100, +0.200]"),
    ([(0.5, None), (0.25, [0, 1], ""), (0.9, None)], "0.55 (0.25 to 0.90, 3 seeds)"),
    ([(0.5, None, "", ".3f"), (0.25, None)], "0.375 (0.250 to 0.500, 2 seeds)")])
def test_values_of_several_runs_are_one_text(outcomes, text):
    assert experiments.together(outcomes) == text


@pytest.mark.parametrize(("published", "text", "flips"), [
    (dict(accuracy=0.9, auc=0.8), "0.90", "-"),
    (dict(auc=None, accuracy=None), "-", "-"),
    (dict(auc=0.86, interval=[0.834, 0.89], flipped_auc=0.914), "0.86 [0.83, 0.89]",
     "0.91"), (dict(difference=0.05), "+0.050", "-"),
    (dict(specificity=0.805, interval=[0.7, 0.9]), "0.805 [0.700, 0.900]", "-"),
    (dict(auc=0.8765, pattern=".3f"), "0.876", "-"),
    (dict(flipped_auc=0.9), "-", "0.90")])
def test_what_was_published_is_shown_and_listed(published, text, flips):
    row = Row("a", published=published, hours=2.25)
    assert experiments.published(row) == text
    assert experiments.published_flips(row) == flips
    cell = "; ".join([text] * (text != "-" or flips == "-")
                     + [f"with flips {flips}"] * (flips != "-"))
    assert experiments.listing([row]).split("\n") == [
        "| make | source | what | published | hours |", "|---|---|---|---|---|",
        f"| `a` | Table 9 | what | {cell} | 2.2 |", "", experiments.HOURS]


def test_results_without_a_measure_have_no_value():
    assert experiments.measured(dict(plain=3, flips={})) == {}
    assert experiments.flip_gain(dict(plain={})) == {}
    assert experiments.two_view_gain(dict(plain=dict(auc=1), flips=dict(breasts=dict(
        gain=0.1, gain_interval=[0, 1])))) == dict(flips=(0.1, [0, 1], "", "+.3f"))
    assert experiments.difference(dict(comparisons=[dict(
        difference=-0.2, difference_interval=[-1, 0]), dict(difference=9)])) == dict(
            plain=(-0.2, [-1, 0], "", "+.3f"))
    points = [dict(at="specificity"), dict(at="sensitivity", specificity=0.4,
                                           interval=[0.3, 0.5])]
    assert experiments.specificity(dict(operating_points=points)) == dict(
        plain=(0.4, [0.3, 0.5], "", ".3f"))


def test_a_figure_is_an_outcome_once_it_is_drawn(tmp_path):
    assert experiments.drawn(run(tmp_path), "f") == {}
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "f.png").touch()
    assert experiments.drawn(run(tmp_path), "f") == dict(
        plain=str(tmp_path / "figures" / "f.png"))


def test_folders_of_a_run_follow_seeds_data_and_models(tmp_path):
    words = ("--run", "a", "--scale", "demo")
    alone = experiments.run_of(PROGRAM, arguments(*words, "--data", str(tmp_path)), 4)
    assert (alone.data, alone.download, alone.seed) == (tmp_path, tmp_path, 4)
    assert alone.test == pathlib.Path("runs/demo-experiments/data/images/test")
    assert alone.model("x") == pathlib.Path("runs/demo-experiments/x/best.h5")
    with pytest.raises(files.InputError, match="download .* does not exist"):
        experiments.run_of(PROGRAM, arguments(*words, "--data", str(tmp_path / "x")), 4)
    (tmp_path / "m" / "seed-3").mkdir(parents=True)
    for making, seed, models in (((), 3, "m/seed-3"), ((), 2, "m"),
                                 (("--x",), 2, "m/seed-2")):
        program = dataclasses.replace(
            PROGRAM, starts=lambda _, making=making: (tmp_path / "m", making))
        made = experiments.run_of(program, arguments(
            *words, "--out", str(tmp_path), "--seed", "2", "3"), seed)
        assert made.out == tmp_path / f"seed-{seed}" and made.making == making
        assert made.download == made.out / "download"
        assert made.model("x") == tmp_path / models / "x" / "best.h5"


def test_the_command_line_of_a_program_says_what_its_data_are():
    text = "".join(experiments.parser(PROGRAM, "A program.").format_help().split())
    assert "--dataFOLDERfolderofSetasdownloaded;with--scaledemophantoms" in text
    assert "(default:runs/SCALE-experiments)" in text and "--splitNAME" in text
    assert arguments("--list").seed == [12345] and arguments("--list").scale == "paper"
    plain = dataclasses.replace(PROGRAM, split_columns=())
    assert "--split" not in experiments.parser(plain, "").format_help()
    for words in ([], ["--list", "--run", "a"]):
        with pytest.raises(SystemExit):
            arguments(*words)


def test_a_program_checks_the_rows_that_will_be_done(tmp_path, performed):
    checked = []
    program = dataclasses.replace(PROGRAM, check=lambda rows, run: checked.append(
        ([row.name for row in rows], run.out)))
    experiments.perform(program, ["c"], run(tmp_path))
    assert checked == [(["a", "b", "c"], tmp_path)]
    assert performed == ["prepare", "a", "b", "c", "test-c"]


def test_synthetic_results_are_marked_below_the_table():
    text = experiments.markdown(["x", "y"], [("1", "2"), ("3", "4")], synthetic=True)
    assert text.split("\n") == ["", "| x | y |", "|---|---|", "| 1 | 2 |", "| 3 | 4 |",
                                "", experiments.SYNTHETIC]
    assert experiments.markdown(["x"], [], synthetic=False) == "\n| x |\n|---|"
