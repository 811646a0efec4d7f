"""Pictures on disk: what goes in comes out, also while it is changed."""

from end2end.importing import records, store


def test_structured_fields_come_back_as_they_were(tmp_path):
    region = records.Region("box", ((1.0, 2.0), (3.0, 4.0)), "mass", "Mass", None)
    picture = records.Picture("k", "a.png", 7, regions=(region,), further={"a": [1]},
                              label=0)
    with store.temporary(tmp_path) as pictures:
        pictures.add([picture])
        row = pictures.row(1)
    assert row["regions"] == (region,) and row["further"] == {"a": [1]}
    assert (row["label"], row["row"], row["notes"]) == (0, 7, [])


def test_rows_may_be_left_out_while_they_are_walked(tmp_path):
    with store.temporary(tmp_path) as pictures:
        pictures.add(records.Picture(str(i), f"{i}.png") for i in range(1203))
        walked = []
        for row in pictures.rows("left_out = ''"):
            walked.append(row["position"])
            if row["position"] % 2:
                pictures.update(row["position"], dict(left_out="odd"))
        assert walked == list(range(1, 1204))
        assert pictures.count("left_out = ''") == 601
        assert pictures.leave_out("late", "position <= 10") == 5
        ordered = [row["source"] for row in pictures.rows(
            "position < 4", order="source DESC")]
    assert ordered == ["2.png", "1.png", "0.png"]


def test_nothing_of_it_stays(tmp_path):
    with store.temporary(tmp_path) as pictures:
        pictures.add([records.Picture("k", "a.png")])
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())
