"""Kinds of pictures of a breast, and which of them may be averaged."""

import dataclasses

STANDARD = "standard"
OTHER_VIEW = "other view"
STANDARD_VIEWS = ("CC", "MLO")


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of picture.

    Attributes:
        rank: of the images of one breast and view, those of the lowest rank vote; None
            for kinds that never vote.
        sentence: why such an image does not vote, or what is said where it does.
    """

    rank: int | None
    sentence: str


# A picture is of the first kind that applies. Ranks leave room for partial views,
# which are ordinary images of a part of a large breast.
KINDS = {
    "region": Kind(5, "a region cut out of an image"),
    "specimen": Kind(None, "a specimen, not the breast"),
    "slice": Kind(None, "a slice of tomosynthesis"),
    "projection": Kind(None, "a projection of a tomosynthesis sweep"),
    "synthetic": Kind(4, "a synthetic image made from tomosynthesis"),
    "recombined": Kind(None, "a recombined image of contrast mammography"),
    "low energy": Kind(3, "a low-energy image of contrast mammography"),
    "high energy": Kind(None, "a high-energy image of contrast mammography"),
    "spot": Kind(None, "a spot compression view"),
    "magnified": Kind(None, "a magnification view"),
    "implant displaced": Kind(None, "a view with the implant pushed back"),
    OTHER_VIEW: Kind(None, "another view than CC or MLO"),
    "needle": Kind(3, "an image with a needle or wire"),
    "contrast": Kind(3, "an image with contrast"),
    "implant": Kind(3, "an image of a breast with an implant"),
    STANDARD: Kind(1, ""),
}
PARTIAL_RANK = 2
PARTIAL_SENTENCE = "a view of a part of the breast"

# Words of the kind in a table, such as EMBED's spot_mag and FinalImageType.
SPELLINGS = {
    "spot": ("spot", "spot compression"), "magnified": ("magnified", "mag", "spot_mag"),
    "synthetic": ("synthetic", "c-view", "cview", "s2d", "synthesized"),
    "slice": ("slice", "tomo", "dbt"), "region": ("region", "roi", "crop", "roi_ssc"),
    "low energy": ("low energy", "low-energy"),
    "high energy": ("high energy", "high-energy"), "recombined": ("recombined", "cesm"),
    "specimen": ("specimen",), "implant": ("implant",), "contrast": ("contrast",),
    "needle": ("needle", "wire", "biopsy"), "implant displaced": ("implant displaced",),
    "projection": ("projection",), STANDARD: ("standard", "2d", "ffdm"),
    OTHER_VIEW: (OTHER_VIEW,),
}


def named(text: str) -> str:
    """The kind that a cell of a table names; empty where it is no known word."""
    word = text.strip().lower()
    return next((kind for kind, words in SPELLINGS.items() if word in words), "")


def rank(kind: str, partial: bool = False) -> int | None:
    """Rank of a picture among those of its breast and view; None: it does not vote."""
    if kind == STANDARD and partial:
        return PARTIAL_RANK
    return KINDS[kind].rank
