"""Kinds of pictures and their ranks."""

from end2end.tables import kinds


def test_an_ordinary_image_ranks_before_a_partial_and_a_synthetic_one():
    ranks = [kinds.rank("standard"), kinds.rank("standard", partial=True),
             kinds.rank("low energy"), kinds.rank("synthetic"), kinds.rank("region")]
    assert ranks == sorted(ranks) and len(set(ranks)) == 5


def test_spots_slices_and_other_views_never_vote():
    for kind in ("spot", "magnified", "slice", "projection", "recombined", "specimen",
                 "implant displaced", "other view"):
        assert kinds.rank(kind) is None


def test_cells_of_kinds_are_understood():
    assert kinds.named("C-view") == "synthetic" and kinds.named("2D") == "standard"
    assert kinds.named("wire") == "needle" and kinds.named("anything") == ""


def test_an_image_with_a_needle_votes_only_for_want_of_a_plain_one():
    assert kinds.rank("standard") < kinds.rank("needle") < kinds.rank("synthetic")

