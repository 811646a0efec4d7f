"""Joined imports: women stay women, no picture twice, and what the site tells."""

import csv
import json

import cv2
import numpy as np
import pytest
import recorded

from end2end.data import splits
from end2end.importing import __main__ as program
from end2end.importing import joining, records, store
from end2end.utils import files


def rows_of(path):
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


def imported(folder, name, seed, *, women=12, malignant=4, shared=(), vendor="GE"):
    """Imports a table of two images for each woman; `shared` pictures are copied."""
    source = folder / f"{name}-files"
    source.mkdir()
    rng = np.random.default_rng(seed)
    lines = ["file,patient,side,view,label,vendor,age"]
    for number in range(2 * women):
        path = source / f"{number}.png"
        cv2.imwrite(str(path), rng.integers(0, 255, (40, 30)).astype(np.uint8))
        lines.append(f"{number}.png,w{number // 2},{'LR'[number % 2]},CC,"
                     f"{int(number // 2 < malignant)},{vendor},47")
    for number, picture in shared:
        (source / f"{number}.png").write_bytes(picture.read_bytes())
    (source / "t.csv").write_text("\n".join(lines) + "\n")
    program.main(["table", str(source / "t.csv"), str(folder / name), "--size", "40",
                  "32", "--workers", "1"])
    return folder / name


@pytest.fixture
def two(tmp_path):
    first = imported(tmp_path, "a", 1)
    second = imported(tmp_path, "b", 2, malignant=10, vendor="HOLOGIC", shared=[
        (0, tmp_path / "a-files/0.png")])
    return first, second


def join(out, *words):
    program.main(["join", *map(str, words), "--out", str(out)])
    return rows_of(out / "images.csv")


def test_women_stay_apart_and_a_shared_picture_comes_once(two, tmp_path, capsys):
    rows = join(tmp_path / "out", *two)
    assert len(rows) == 47
    assert len({row["content"] for row in rows}) == 47
    assert {row["patient"].split()[0] for row in rows} == {"a", "b"}
    assert {row["age_band"] for row in rows} == {"40-49"}
    assert "pictures that come twice: 1, by which 1 women" in capsys.readouterr().out
    # Woman 0 of b is woman 0 of a, by the picture that they share.
    parts = {row["split"] for row in rows if row["patient"] in ("a w0", "b w0")}
    assert len(parts) == 1
    assert all((tmp_path / "out" / row["path"]).is_file() for row in rows)


def test_a_site_may_be_left_out_of_training(two, tmp_path):
    rows = join(tmp_path / "out", *two, "--split", "site", "--test-site", "b")
    sites = {part: {row["site"] for row in rows if row["split"] == part}
             for part in ("train", "val", "test")}
    assert sites == {"train": {"a"}, "val": {"a"}, "test": {"b"}} or (
        sites["test"] == {"b", "a"})
    with pytest.raises(files.InputError, match="expected one of a, b"):
        join(tmp_path / "other", *two, "--split", "site", "--test-site", "c")


def test_the_site_of_a_test_may_be_an_import_or_one_of_its_own_sites(tmp_path):
    women = [("a", "w"), ("b", "v"), ("b north", "u"), ("north b", "t"), ("b", "w")]
    settings = records.Settings(tmp_path, val_share=0.5, seed=7)
    for chosen, tested in (("b", "uvw"), ("b north", "u"), ("north b", "t")):
        with store.temporary(None) as pictures:
            pictures.add(records.Picture(f"{site}{woman}", "a.png", site=site,
                                         label=woman in "tv") for site, woman in women)
            for place, (_, woman) in enumerate(women, 1):
                pictures.update(place, dict(safe=woman))
            said = joining._split_by_site(pictures, settings, chosen)
            parts = pictures.query(
                "SELECT safe, part FROM pictures WHERE left_out = ''")
        assert {woman for woman, part in parts if part == "test"} == set(tested)
        assert said.startswith(
            f"{chosen} is for testing, 0.5 of the other women for validation")
        assert said.endswith("; 1 image left out") == (chosen == "b")
        others = sorted({woman for woman, part in parts if part != "test"})
        _, val = splits.stratified_split(
            others, [int(woman in "tv") for woman in others], 0.5, seed=7)
        assert {woman for woman, part in parts if part == "val"} == set(val)


def test_a_maker_that_tells_the_class_is_warned_of(two, tmp_path, capsys):
    join(tmp_path / "out", *two)
    said = capsys.readouterr().out
    assert "WARNING: the site alone tells the class" in said
    assert "WARNING: the maker alone" in said and "Hologic" in said


def test_makers_that_tell_nothing_are_not_warned_of(tmp_path, capsys):
    first = imported(tmp_path, "a", 1)
    second = imported(tmp_path, "b", 2, vendor="HOLOGIC")
    capsys.readouterr()
    join(tmp_path / "out", first, second)
    assert "WARNING: the" not in capsys.readouterr().out


@pytest.mark.parametrize(("groups", "area"), [
    ({"a": (5, 5), "b": (5, 5)}, 0.5), ({"a": (9, 1), "b": (1, 9)}, 0.9),
    ({"a": (3, 0)}, 0.5), ({}, 0.5), ({"a": (4, 0), "b": (0, 4)}, 1.0),
    ({"a": (1, 0), "b": (3, 2)}, 0.625), ({"a": (0, 0), "b": (1, 1)}, 0.5)])
def test_what_groups_alone_tell(groups, area):
    assert joining.telling_auc(groups) == pytest.approx(area)


@pytest.mark.parametrize(("groups", "area"), [
    ({"a": (6, 4), "b": (4, 6)}, "0.60"), ({"a": (6, 3), "b": (4, 6)}, ""),
    ({"a": (6, 4), "b": (5, 6)}, "")])
def test_a_site_tells_the_class_from_twenty_images_and_an_area_of_0_6_on(groups, area):
    with store.temporary(None) as pictures:
        pictures.add(records.Picture(
            f"{site}{label}{number}", "a.png", site=site, vendor="GE", label=label)
            for site, counts in groups.items() for label, count in zip(
                (1, 0), counts, strict=True) for number in range(count))
        lines = list(joining.vendor_lines(pictures))
    shares = {"a": groups["a"], "b": groups["b"]}
    assert lines[2:4] == [
        f"  {site:20} {'GE':16} {sum(counts):7} {counts[0]:9} "
        f"{100 * counts[0] / sum(counts):5.1f}%" for site, counts in shares.items()]
    assert lines[4:] == ([
        f"WARNING: the site alone tells the class with an AUC of {area}. A network can "
        "learn the site instead of the cancer: test on a site that it has not seen "
        "(--split site), and look at the AUC within each site."] if area else [])


def test_imports_of_one_name_or_of_two_sizes_are_refused(two, tmp_path):
    with pytest.raises(files.InputError, match="one name"):
        join(tmp_path / "out", two[0], two[0])
    census = two[1] / "census.json"
    census.write_text(census.read_text().replace("40,", "48,"))
    with pytest.raises(files.InputError, match="different sizes"):
        join(tmp_path / "out", *two)
    with pytest.raises(files.InputError, match="census.json"):
        join(tmp_path / "out", tmp_path / "a-files")
    census.write_text('{"set": "b"}')
    with pytest.raises(files.InputError, match=(
            r"b/census\.json has no size; expected the output folder of an import\.$")):
        join(tmp_path / "out", *two)


IMAGES = ("path,patient,exam,laterality,view,label,split,source_label,lesion_type,"
          "density,age_band,vendor,site,mean,content")
REGIONS = ("patient_id,side,view,repeat,abn_num,pathology,type,full_path,mask_path,"
           "finding,region,density,split")


def handmade(folder, words, rows, regions=(), size=(40, 32)):
    """Writes the output of an import; row: name of a picture, its number, cells."""
    for name in ("full", "mask"):
        (folder / name).mkdir(parents=True)
    lines = []
    for name, number, cells in rows:
        pixels = np.random.default_rng(number).integers(0, 60000, size)
        cv2.imwrite(str(folder / "full" / f"{name}.png"), pixels.astype(np.uint16))
        # The pictures of an older import have no hash of their content in its table.
        content = "" if number > 90 else f"{number:064x}"
        lines.append(f"full/{name}.png,{cells},{pixels.mean() / 257:.3f},{content}")
    for k, region in enumerate(regions):
        mask = np.zeros(size, np.uint8)
        mask[5:20 + k, 3 + k:9] = 255
        cv2.imwrite(str(folder / region.split(",")[8]), mask)
    # With the mark of a spreadsheet that saved it again.
    (folder / "images.csv").write_text(
        "\n".join([IMAGES, *lines]) + "\n", encoding="utf-8-sig")
    if regions:
        (folder / "roi_mask_path.csv").write_text("\n".join([REGIONS, *regions]) + "\n")
    (folder / "census.json").write_text(json.dumps(dict(words, size=size)))
    return folder


@pytest.fixture
def handmades(tmp_path):
    """Two imports that share three pictures, of which one has two labels; one woman of
    the second has two makers, another is for testing there."""
    first = handmade(tmp_path / "x y!", dict(set="mini-MIAS"), [
        (f"w{k // 2}_{('LEFT', 'RIGHT')[k % 2]}_MLO{'_2' * (k == 4)}", k,
         f"w{k // 2},e{k},{'LR'[k % 2]},MLO,{k % 3 % 2},"
         f"{('train', 'val', 'test')[k % 3]}"
         f",w,mass,{k % 4 + 1},40-49,{'GE' if k % 3 == 1 else ''},") for k in range(14)
    ], [f"w{k // 2},LEFT,MLO,,{1 + k % 2},{('BENIGN', 'MALIGNANT')[k % 2]},calc,"
        f"full/w{k // 2}_LEFT_MLO.png,mask/m{k}.png,CALC,box 1 2 3 {k},2,train"
        for k in (0, 1, 10)])
    second = handmade(tmp_path / "later", {}, [
        (f"v{number // 3}_X_{number}", number,
         f"{'' if number == 20 else f'v{number // 3}'},,,{('CC', 'ML', 'odd')[k % 3]},"
         f"{int(number in (4, 22, 91))},{'test' if k == 4 else 'train'},,,,,"
         f"{'HOLOGIC' if k % 4 else 'GE'},{'north' if k % 2 else ''}")
        for k, number in enumerate((3, 4, 10, 20, 21, 22, 23, 24, 25, 91))])
    return first, second


@pytest.mark.parametrize("words", [
    (), ("--split", "patient", "--seed", "3", "--val-share", "0.3"),
    ("--split", "site", "--test-site", "later north", "--val-share", "0.4"),
    ("--split", "site", "--test-site", "mini-MIAS")])
def test_all_that_is_said_and_written_of_joined_imports_is_as_recorded(
        handmades, tmp_path, capsys, words):
    out = tmp_path / "out"
    (out / "full").mkdir(parents=True)
    (out / "full" / "stale.png").touch()
    rows = join(out, handmades[0], f"later={handmades[1]}", *words)
    said = [capsys.readouterr().out, *(
        recorded.picture(cv2.imread(str(out / row["path"]), -1)) for row in rows[:4])]
    said += [f"== {path.relative_to(out)}\n"
             + (path.read_text() if path.suffix in recorded.TEXTS else "")
             for path in sorted(out.rglob("*")) if path.is_file()]
    name = "-".join(word for word in words[:4] if word.isalpha() or " " in word)
    recorded.check(f"import-join-{name.replace(' ', '-') or 'keep'}",
                   "\n".join(said), dict(FOLDER=tmp_path))


@pytest.mark.parametrize(("words", "sentence"), [
    (("a b={first}",), "'a b' cannot be the name of an import; expected letters, dig"),
    (("-x={first}",), "'-x' cannot be the name of an import"),
    ((f"{'n' * 41}={{first}}",), f"'{'n' * 40}' cannot be the name of an import"),
    (("{first}", "--split", "site", "--test-site", ""),
     r"--test-site \(empty\): there is no such site; expected one of mini-MIAS\."),
    (("{first}/full",), "census.json"), (("{first}x",), "import .*x does not exist")])
def test_what_cannot_be_joined_is_refused_with_a_sentence(
        handmades, tmp_path, words, sentence):
    with pytest.raises(files.InputError, match=sentence):
        program.main(["join", "--out", str(tmp_path / "out"), *words[1:], "--",
                      words[0].format(first=handmades[0])])
