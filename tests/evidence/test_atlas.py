"""Tests of end2end.evidence.atlas."""

from end2end.evidence import atlas, run_facts
from end2end.evidence.run_facts import Fact

ALWAYS = {name: Fact(text, "end2end") for name, text in run_facts.ALWAYS.items()}
# What the schema of 2025-11 allows inside `Model`.
FIELDS = {"Name", "Summary", "Link", "Indexing", "Descriptors", "Model properties",
          "Imaging", "Model performance"}


def test_a_card_without_facts_holds_what_is_always_true_and_names_the_gaps():
    card, gaps = atlas.card(ALWAYS)
    assert set(card) == {"$schema", "Model"} and set(card["Model"]) < FIELDS
    assert card["Model"]["Name"] == atlas.UNKNOWN_NAME
    assert {"Name", "Link", "Funding", "License", "Model performance",
            "Architecture"} <= set(gaps)
    assert len(card["Model"]["Summary"]) <= 250


def test_facts_fill_their_fields():
    card, gaps = atlas.card(ALWAYS | {
        "name": Fact("abc", "a"), "link": Fact("https://example.org", "stated"),
        "licence": Fact("CC BY-NC-SA 4.0", "card"),
        "network": Fact("a network", "card"),
        "performance": Fact("AUC 0.9 (0.8 to 0.95)", "results.json")})
    model = card["Model"]
    assert model["Name"] == "abc."   # the schema asks for four signs
    assert model["Model properties"]["Architecture"] == "a network"
    assert model["Model performance"] == dict(
        Metrics=["area under the receiver operating characteristic curve"],
        Comments="AUC 0.9 (0.8 to 0.95).")
    assert model["Descriptors"]["License"] == dict(Text="CC BY-NC-SA 4.0")
    assert not {"Name", "Link", "License", "Architecture"} & set(gaps)


def test_uses_are_short_enough_for_the_schema():
    uses = atlas.card(ALWAYS)[0]["Model"]["Model properties"]["Use"]
    assert all(4 <= len(text) <= 64 for texts in uses.values() for text in texts)


def test_texts_are_cut_to_what_the_schema_allows():
    facts = {name: Fact("x" * 300, "a") for name in ("name", "link", "task")}
    model = atlas.card(ALWAYS | facts)[0]["Model"]
    assert [len(model[name]) for name in ("Name", "Link", "Summary")] == [256, 256, 250]
    assert atlas.card(ALWAYS | dict(name=Fact("a", "b")))[0]["Model"]["Name"] == "a..."
