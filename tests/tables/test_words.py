"""Words for patients, sides and views in tags, cells and names."""

import pytest
import recorded

from end2end.tables import words


@pytest.mark.parametrize("text", [
    "", " ", "-", "?", "***", "0", "000000", "XXXX", "xx", "N/A", "na", "NaN", "none",
    "NULL", "Unknown", "DEIDENTIFIED", "de-identified", "De Identified", "ANONYMOUS",
    "anon", "Anonymized", "anonymised", "REMOVED", "redacted", "PatientID", "no id",
    "n.a.", "0000-00-00", "0.0", "XXX-XX", "[REDACTED]", "<none>", "Unknown^Unknown",
    "not known", "Anonymous^Patient", "9999999", "123456789", "Unbekannt", "inconnue",
    "Desconocido", "an\u00f3nimo", "sconosciuto", "onbekend", "ok\u00e4nd",
    "nezn\u00e1m\u00fd",
    "\u043d\u0435\u0438\u0437\u0432\u0435\u0441\u0442\u043d\u043e", "\u533f\u540d"])
def test_what_stands_for_a_removed_number_is_nobody(text):
    assert words.is_placeholder(text)


@pytest.mark.parametrize("text", [
    "ANON0001", "Anonymous^3", "X1", "x", "0001", "10", "NA12", "N", "id7", "test-4",
    "P_00001", "D1-0001", "None-3", "7", "A", "O",
    "Anonymous1", "patient1", "1111", "9999", "1234", "M\u00fcller", "Noname-2"])
def test_a_pseudonym_with_a_number_is_somebody(text):
    assert not words.is_placeholder(text)


@pytest.mark.parametrize("text, meaning", [
    ("CC", ("", "CC", "")), (" cc ", ("", "CC", "")), ("RCC", ("R", "CC", "")),
    ("LMLO", ("L", "MLO", "")), ("R-MLO", ("R", "MLO", "")), ("ML", ("", "ML", "")),
    ("LM", ("", "LM", "")), ("LML", ("L", "ML", "")), ("LLM", ("L", "LM", "")),
    ("CRANIO-CAUDAL", ("", "CC", "")), ("Left Cranio Caudal", ("L", "CC", "")),
    ("MEDIO-LATERAL OBLIQUE", ("", "MLO", "")), ("CC SPOT", ("", "CC", "spot")),
    ("RCCID", ("R", "CC", "implant displaced")), ("LCCMAG", ("L", "CC", "magnified")),
    ("CCM", ("", "CC", "magnified")), ("RXCCM", ("R", "XCCM", "")),
    ("=CMD", ("", "", "")), ("A" * 200_000, ("", "", "")), ("MLOX", ("", "", "")),
    ("CC L", ("L", "CC", "")), ("MLOR", ("R", "MLO", "")), ("CC_Left", ("L", "CC", "")),
    ("SPOT CC", ("", "CC", "spot")), ("CC SPOT MAG", ("", "CC", "spot")),
    ("LMCC", ("L", "CC", "magnified")), ("MAG RCC", ("", "", "")),
    ("ID CC", ("", "CC", "implant displaced")), ("CCRL", ("", "CC", "rolled")),
    ("CC cleavage", ("", "CC", "cleavage")), ("CC TAN", ("", "CC", "tangential"))])
def test_a_view_is_a_word_with_its_side_and_modifiers(text, meaning):
    assert words.view(text) == meaning


def test_our_own_cells_of_views_are_read_back():
    for cell in ("CC", "ML", "CC spot", "MLO implant displaced", "CC rolled"):
        assert words.view_cell(cell) == cell
    assert words.view_cell("from below") == "FROM BELOW"


def test_texts_lose_control_characters_and_what_is_too_long():
    assert words.cleaned("\x1b[31mEVIL\x07  a\u202eb") == "[31mEVIL a b"
    assert len(words.cleaned("A" * 200_000)) == words.LONGEST_IDENTIFIER


TEXTS = ["L", "left", "Links", "RIGHT", "re", "B", "both", "LR", "cc", "R CC", "RMLO",
         "LATERO-MEDIAL", "ml", "LMO", "SIO", "XCCL", "XCCM", "FB", "AT", "CV",
         "SPECIMEN",
         "L CC MAG SPOT", "MLO ID", "cranio-caudal exaggerated", "mediolateral", "TAN",
         "CCRM", "CCS", "RCCS", "LMLOID", "MLOS", "NP", "axillary tail", "", "  ",
         "C C",
         "cc+spot", "R-CC-2", "oblique", "kraniokaudal", "0", "unknown"]


def test_sides_views_and_cells_are_as_recorded():
    recorded.check("words", "\n".join(
        f"{text!r}: {words.side(text)!r} {words.view(text)} {words.view_cell(text)!r} "
        f"{words.is_placeholder(text)} {words.cleaned(text * 9, 20)!r}"
        for text in TEXTS))


@pytest.mark.parametrize(("spaces", "told"), [
    (61, ("R", "CC", "")), (62, ("", "", ""))])
def test_a_view_is_a_word_of_sixty_four_signs_at_most(spaces, told):
    assert words.view(f"R{' ' * spaces}CC") == told
