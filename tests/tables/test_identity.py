"""One identity of several statements."""

import itertools

import deformed
import pytest
import recorded

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


SIDES = dict(laterality=("side", "L", "R"), view=("view", "CC", "MLO"))


@pytest.mark.parametrize("field", SIDES)
@pytest.mark.parametrize("sources, its, verdict", [
    (("manifest", "tags"), ("the manifest", "its tags"), "the manifest is taken"),
    (("manifest", "name"), ("the manifest", "its name"), "the manifest is taken"),
    (("tags", "name"), ("its tags", "its name"), "the tags are taken")])
def test_two_sources_that_differ_are_told_and_two_that_agree_are_not(
        field, sources, its, verdict):
    word, first, other = SIDES[field]
    image = merged(**{sources[0]: {field: first}, sources[1]: {field: other}})
    assert image.notes == (
        f"{word} {first} by {its[0]}, {other} by {its[1]}; {verdict}",)
    assert getattr(image, field) == first
    assert image.read_from[field] == sources[0]
    agreeing = merged(**{source: {field: other} for source in sources})
    assert agreeing.notes == () and getattr(agreeing, field) == other
    silent = merged(**{sources[0]: {field: ""}, sources[1]: {field: other}})
    assert silent.notes == () and silent.read_from[field] == sources[1]


def test_each_further_source_that_differs_is_told():
    image = merged(*(dict(laterality=side) for side in "LRR"))
    assert image.notes == (
        "side L by the manifest, R by its tags; the manifest is taken",
        "side L by the manifest, R by its name; the manifest is taken")


def test_what_a_source_contradicts_itself_on_stays_unknown():
    image = identity.merged("a.png", [
        identity.Statement("manifest", dict(view="CC"), {},
                           silenced=frozenset(["laterality"])),
        identity.Statement("tags", dict(laterality="L", view="CC"), {})])
    assert (image.laterality, image.view, image.notes) == ("", "CC", ())


def test_the_number_of_a_plain_name_is_no_contradiction_and_a_certain_one_wins():
    assert merged(tags=dict(patient="P1"), name=dict(patient="P2")).notes == ()
    image = merged(tags=dict(patient="P1", namespace="x"),
                   name=dict(patient="P2", namespace="y"), certain=True)
    assert image.woman == ("y", "P2") and image.notes == (
        "another patient by its tags than by its name; the name is taken",)
    image = merged(dict(patient="Q1"), name=dict(patient="P2"), certain=True)
    assert image.patient == "Q1" and image.notes == (
        "another patient by the manifest than by its name; the manifest is taken",)


def test_who_tells_a_field_and_which_study_an_image_is_of():
    image = identity.merged("a.png", [identity.Statement(
        "tags", dict(patient="P1", laterality="L", exam="e"),
        dict(laterality="ImageLaterality"))])
    assert image.teller("laterality") == "the tags say" and image.teller("view") == ""
    assert image.read_from["laterality"] == "tags ImageLaterality"
    assert image.study == ("", "P1", "e", "") and image.view_cell == ""
    assert identity.Identity("a").study == ("", "", "", "a")
    assert identity.Identity("a", exam="e").study == ("", "", "e", "")
    assert image.noted("x", "y", "x").notes == ("x", "y")


def test_identities_of_contradicting_sources_are_as_recorded():
    parts = [dict(), dict(laterality="L", view="CC", patient="7", exam="1"),
             dict(laterality="R", view="ML", kind="spot", modifier="spot", patient="8"),
             dict(view="XCCL", kind="implant", exam="2", birth_year=1950),
             dict(laterality="R", view="MLO", kind="specimen", partial=True, number=3)]
    rows = []
    for manifest, tags, name in itertools.product(range(5), repeat=3):
        image = merged(parts[manifest], parts[tags], parts[name],
                       certain=name == 2, scheme="INbreast" if name == 4 else "plain")
        rows.append(f"{manifest} {tags} {name}: {deformed.shown(image)}")
    recorded.check("identities", "\n".join(rows))
