"""One identity of several statements."""

import pytest

from end2end.tables import identity


def merged(manifest=None, tags=None, name=None, certain=False, scheme="plain"):
    statements = [identity.Statement(source, fields, {}) for source, fields in (
        ("manifest", manifest), ("tags", tags)) if fields]
    if name:
        statements.append(identity.Statement(
            "name", name, dict(scheme=scheme), certain=certain))
    return identity.merged("a.png", statements)


def test_the_manifest_wins_over_the_tags_and_these_over_the_name():
    image = merged(dict(laterality="R"), dict(laterality="L", view="CC"),
                   dict(view="MLO", patient="3"))
    assert (image.laterality, image.view, image.patient) == ("R", "CC", "3")
    assert image.read_from["view"] == "tags" and image.read_from["patient"] == "name"
    assert set(image.notes) == {
        "side R by the manifest, L by its tags; the manifest is taken",
        "view CC by its tags, MLO by its name; the tags are taken"}


def test_another_patient_is_said_without_her_number():
    note, = merged(dict(patient="Q9"), dict(patient="P1")).notes
    assert note == ("another patient by the manifest than by its tags; the manifest is "
                    "taken")
    assert merged(dict(patient="Q9"), dict(patient="Q9")).notes == ()


@pytest.mark.parametrize("scheme, view", [("INbreast", "MLO"), ("plain", "ML")])
def test_ml_is_the_oblique_view_in_names_of_inbreast_only(scheme, view):
    image = merged(dict(view="ML"), name=dict(view="MLO"), scheme=scheme)
    assert image.view == view


def test_the_first_kind_that_any_source_tells_counts():
    image = merged(dict(view="CC"), dict(kind="spot", modifier="spot"))
    assert (image.kind, image.view_cell) == ("spot", "CC spot")
    assert merged(tags=dict(view="ML")).kind == "other view"
    assert merged(tags=dict(view="MLO")).kind == "standard"


def test_the_number_in_an_inbreast_name_wins_over_the_tag():
    assert merged(tags=dict(patient="removed by us"), name=dict(patient="6c61"),
                  certain=True).patient == "6c61"


def test_images_of_nobody_and_no_exam_are_exams_of_their_own():
    first, other = identity.Identity("a"), identity.Identity("b")
    assert first.woman is None and first.study != other.study
    assert identity.Identity("a", exam="x").study == identity.Identity(
        "b", exam="x").study
