"""Words for patients, sides and views, as tags, cells of tables and names have them."""

import re

# What stands where a patient's number was removed, as a whole text, of any case:
# nothing or punctuation, zeros, XXXX, and the words that de-identification writes.
# A pseudonym with a number (ANON0001) names a woman, and so does one letter (X).
PLACEHOLDER = re.compile(
    r"(?:[\W_]*|0+|x{2,}"
    r"|n/?a|nan|none|null|nil|unknown|unk|undefined|missing|empty|not[ _-]?available"
    r"|no[ _-]?(?:name|id|patient(?:[ _-]?id)?)|patient(?:[ _-]?id)?|id|test|dummy"
    r"|(?:re|with)?(?:moved|held)|deleted|erased|hidden|masked|redacted|confidential"
    r"|private|anon(?:[yi]mi[sz]ed|ymous|ymized|ymised|ym)?"
    r"|(?:de[ _-]?|un)identified(?:[ _-]?patient)?|pseudonymi[sz]ed)", re.I)

SIDES = {"L": "L", "LEFT": "L", "R": "R", "RIGHT": "R"}

# Words of a view, letters only. XCC and CCXL are the view exaggerated laterally.
VIEWS = {
    "CC": "CC", "CRANIOCAUDAL": "CC", "MLO": "MLO", "MEDIOLATERALOBLIQUE": "MLO",
    "ML": "ML", "MEDIOLATERAL": "ML", "LM": "LM", "LATEROMEDIAL": "LM", "LMO": "LMO",
    "LATEROMEDIALOBLIQUE": "LMO", "XCC": "XCCL", "XCCL": "XCCL", "CCXL": "XCCL",
    "XCCM": "XCCM", "FB": "FB", "CAUDOCRANIAL": "FB", "SIO": "SIO", "ISO": "ISO",
    "CV": "CV", "CLEAVAGE": "CV", "AT": "AT", "AXILLARYTAIL": "AT", "TAN": "TAN",
    "SPECIMEN": "SPECIMEN",
}
# What may follow the view, and what it says of how the picture was taken.
MODIFIERS = {
    "ID": "implant displaced", "IMPLANTDISPLACED": "implant displaced", "S": "spot",
    "SPOT": "spot", "M": "magnified", "MAG": "magnified", "MAGN": "magnified",
    "MAGNIFIED": "magnified", "RL": "rolled", "RM": "rolled", "RS": "rolled",
    "RI": "rolled", "ROLLED": "rolled", "NP": "nipple in profile",
    "NIPPLEINPROFILE": "nipple in profile", "TANGENTIAL": "tangential",
}
LONGEST_WORD = 64
# Longer identifiers are cut where they are kept at all.
LONGEST_IDENTIFIER = 1024
# Controls, marks that turn the direction of text, line separators, half characters.
UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def cleaned(text: object, longest: int = LONGEST_IDENTIFIER) -> str:
    """A text of a tag or cell without control characters, bounded, spaces single."""
    return " ".join(UNSAFE.sub(" ", str(text or "")[:4 * longest]).split())[:longest]


def is_placeholder(text: str) -> bool:
    """Whether a text stands for a patient's number that was removed."""
    return PLACEHOLDER.fullmatch(text.strip()) is not None


def side(text: str) -> str:
    """`L` or `R` of a text such as `Left`; empty for any other, both breasts too."""
    return SIDES.get(text.strip().upper(), "")


def view(text: str) -> tuple[str, str, str]:
    """Side, view and modifier in a text such as `RCC`, `ML` or `MLO spot`.

    Args:
        text: of ViewPosition, or of a cell.

    Returns:
        three texts, each empty where the text does not say; the view is empty where it
        is no known word. `LM` is the lateromedial view, never the left breast.
    """
    if len(text) > LONGEST_WORD:
        return "", "", ""
    word = re.sub(r"[^A-Z]", "", text.upper())
    for name in ("", "LEFT", "RIGHT", "L", "R"):
        if word.startswith(name):
            rest = word[len(name):]
            for end in ("", *sorted(MODIFIERS, key=len, reverse=True)):
                known = VIEWS.get(rest.removesuffix(end))
                if known and rest.endswith(end):
                    return SIDES.get(name, ""), known, MODIFIERS.get(end, "")
    return "", "", ""


def view_cell(text: str) -> str:
    """A cell of a view as our tables have it: `CC`, `ML`, `CC spot`; other texts in
    capitals, as they are."""
    _, known, modifier = view(text)
    return f"{known} {modifier}".strip() if known else text.strip().upper()
