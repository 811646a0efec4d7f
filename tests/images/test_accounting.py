"""The last lines of a command: what became of every image and file."""

import pathlib

from end2end.images import accounting
from end2end.tables.identity import Identity


def test_every_image_and_file_is_counted():
    images = [Identity("a", patient="P", laterality="L", view="CC"),
              Identity("b", votes="no", notes=("the same image as a",)),
              Identity("c", patient="P", laterality="L", view="ML", votes="no", notes=(
                  "side L by the manifest, R by its tags; the manifest is taken",))]
    left = [(pathlib.Path(f"x/{i}.txt"), "no image") for i in range(7)]
    lines = accounting.lines(images, 2, [*left, (pathlib.Path(".b.png"), "hidden")])
    assert lines == [
        "images: 5 found, 3 understood, 2 refused, 1 doubled, 1 without patient, "
        "1 without side or view, 2 not voting",
        "1 images whose manifest, tags or name contradict each other; see their notes",
        "not looked at: 8 (7 no image: 0.txt, 1.txt, 2.txt, 3.txt, 4.txt, ...; "
        "1 hidden: .b.png)"]


def test_zeros_are_printed_too():
    assert accounting.lines([], 0) == [
        "images: 0 found, 0 understood, 0 refused, 0 doubled, 0 without patient, "
        "0 without side or view, 0 not voting", "not looked at: 0"]
