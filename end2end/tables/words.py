"""Words for patients, sides and views, as tags, cells of tables and names have them."""

import re
import unicodedata

# What stands where a patient's number was removed: nothing or punctuation, zeros, XXXX,
# a row of nines or of counted digits, and the words that de-identification writes, in
# capitals, without accents and punctuation. A pseudonym with a number (ANON0001) names
# a woman, and so does one letter (X).
PLACEHOLDER = re.compile(
    r"0*|X{2,}|9{6,}|12345678(?:9(?:0)?)?"
    r"|NA|NAN|NONE|NULL|NIL|UNKNOWN|UNK|UNDEFINED|MISSING|EMPTY|NOT|AVAILABLE|KNOWN"
    r"|NOTAVAILABLE|NO|NAME|NONAME|PATIENT|ID|PATIENTID|PID|TEST|DUMMY|SUBJECT"
    r"|(?:RE|WITH)?(?:MOVED|HELD)|DELETED|ERASED|HIDDEN|MASKED|REDACTED|CONFIDENTIAL"
    r"|PRIVATE|ANON|ANONYM(?:E|OUS)?|ANON[YI]MI[SZ]E[DR]?"
    r"|(?:DE|UN)IDENTIFIED|DE|IDENTIFIED|PSEUDONYM(?:I[SZ]ED)?"
    # German, French, Spanish, Portuguese, Italian, Dutch, Nordic, Slavic, others.
    r"|UNBEKANNT|(?:ANONYM|PSEUDONYM)ISIERT|ENTFERNT|GELOSCHT|OHNE|KEINE?|LEER|GEHEIM"
    r"|INCONNUE?|ANONYMISEE|SUPPRIMEE?|VIDE|AUCUNE?|DESCONOCID[OA]|ANONIM[OA]?"
    r"|ANONIMIZAD[OA]|ELIMINAD[OA]|NINGUN[OA]?|SIN|NOMBRE|DESCONHECID[OA]|REMOVID[OA]"
    r"|SCONOSCIUT[OA]|ANONIMIZZAT[OA]|NESSUN[OA]|ONBEKEND|ANONIEM|GEANONIMISEERD"
    r"|OKAND|UKJENT|UKENDT|TUNTEMATON|NIEZNAN[YA]|NEZNAM[YA]|ISMERETLEN|BILINMIYOR"
    r"|NECUNOSCUT|\u0410\u041d\u041e\u041d\u0418\u041c(?:\u041d\u041e)?"
    r"|\u041d\u0415\u0418\u0417\u0412\u0415\u0421\u0422\u041d\u041e"
    r"|\u533f\u540d|\u4e0d\u660e|\u672a\u77e5|\u65e0")

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
# What may follow or precede the view, and what it says of how the picture was taken; of
# several the first of the table counts.
MODIFIERS = {
    "ID": "implant displaced", "IMPLANTDISPLACED": "implant displaced",
    "EKLUND": "implant displaced", "S": "spot", "SPOT": "spot",
    "SPOTCOMPRESSION": "spot", "M": "magnified", "MAG": "magnified",
    "MAGN": "magnified", "MAGNIFIED": "magnified", "MAGNIFICATION": "magnified",
    "RL": "rolled", "RM": "rolled", "RS": "rolled", "RI": "rolled", "ROLLED": "rolled",
    "NP": "nipple in profile", "NIPPLEINPROFILE": "nipple in profile",
    "TAN": "tangential", "TANGENTIAL": "tangential", "CLEAVAGE": "cleavage",
    "AC": "anterior compression", "ANTERIORCOMPRESSION": "anterior compression",
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
    """Whether a text stands for a patient's number that was removed: as a whole, or
    each of its words."""
    plain = unicodedata.normalize("NFKD", text.upper())
    words = re.findall(r"[^\W_]+", "".join(
        sign for sign in plain if not unicodedata.combining(sign)))
    return all(map(PLACEHOLDER.fullmatch, words)) or PLACEHOLDER.fullmatch(
        "".join(words)) is not None


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
    match = next(filter(None, (form.fullmatch(word) for form in FORMS)), None)
    if match is None:
        return "", "", ""
    part = match.groupdict(default="")
    told = {MODIFIERS[modifier] for modifier in re.findall(
        _words(MODIFIERS), part.get("before", "") + part["behind"])}
    return (SIDES.get(part.get("side") or part.get("side_behind") or "", ""),
            VIEWS[part["view"]],
            next((name for name in MODIFIERS.values() if name in told), ""))


def _words(table):
    return "|".join(sorted(table, key=len, reverse=True))


def _form(start, end=""):
    return re.compile(f"{start}(?P<view>{_words(VIEWS)})"
                      f"(?P<behind>(?:{_words(MODIFIERS)})*){end}")


_SIDE = "LEFT|RIGHT|L|R"
# The first that fits counts: side, view and modifiers; the side at the end; modifiers
# in front.
FORMS = (
    _form(""), _form("(?P<side>LEFT|RIGHT)"), _form("(?P<side>L|R)"),
    _form("", f"(?P<side_behind>{_SIDE})"),
    _form(f"(?P<side>{_SIDE})?(?P<before>(?:{_words(MODIFIERS)})+)",
          f"(?P<side_behind>{_SIDE})?"))


def view_cell(text: str) -> str:
    """A cell of a view as our tables have it: `CC`, `ML`, `CC spot`; other texts in
    capitals, as they are."""
    _, known, modifier = view(text)
    return f"{known} {modifier}".strip() if known else text.strip().upper()
