"""Checks the built site: nothing from the network, every link, every word.

    python docs/_site/check.py site

Internal links must lead to a page and to a place in it; links to other sites are listed
in `site/external-links.txt` and not followed. Words are those of the dictionary of
pyspellchecker and those of docs/words.txt; text in code is not read.
"""

import html.parser
import pathlib
import re
import subprocess
import sys
import urllib.parse

import spellchecker

ROOT = pathlib.Path(__file__).parents[2]
WORDS = ROOT / "docs" / "words.txt"
PAGES = (*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md")))
# Tags whose address the browser asks for by itself.
LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src",
          "link": "href"}
# Kinds of <link> that are not loaded.
NOT_LOADED = {"canonical", "prev", "next"}
NO_PROSE = re.compile(
    r"^ *```.*?^ *```$|<!--.*?-->|`[^`]*`|\]\([^)]*\)|https?://\S+|<[^>]+>|"
    r"\barXiv \S+|10\.\d+/\S+", re.MULTILINE | re.DOTALL)
# Two letters and more; names with capitals or digits inside are no words.
WORD = re.compile(r"(?<![\w.\-/@])[A-Za-z][a-z']+(?![\w/@]|\.\w)")


class Page(html.parser.HTMLParser):
    """Addresses and places of a page.

    Attributes:
        loaded: addresses that the browser asks for.
        links: addresses that a reader may follow.
        places: ids, to which links can lead.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded, self.links, self.places = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.places |= {attributes.get("id"), attributes.get("name")}
        address = attributes.get(LOADED.get(tag, ""))
        if address and attributes.get("rel") not in NOT_LOADED:
            self.loaded.append(address)
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])


def problems_of_links(site: pathlib.Path) -> tuple[list[str], set[str]]:
    """Links that lead nowhere, and all links to other sites."""
    pages = {path: Page(path.read_text(encoding="utf-8"))
             for path in sorted(site.rglob("*.html"))}
    problems, external = [], set()
    for path, page in pages.items():
        name = path.relative_to(site)
        problems += [f"{name} loads {address}" for address in page.loaded
                     if re.match(r"(https?:)?//", address)]
        for link in (*page.links, *page.loaded):
            if re.match(r"(https?|mailto):|//", link):
                external.add(link)
            elif not leads_somewhere(link, path, pages):
                problems.append(f"{name}: {link} leads nowhere")
    return problems, external


def leads_somewhere(link: str, path: pathlib.Path, pages: dict) -> bool:
    """Whether a link within the site has a file and, with an anchor, a place."""
    address, _, place = urllib.parse.unquote(link).partition("#")
    if address.startswith(("/", "data:", "javascript:")):
        return path.name == "404.html" or not address.startswith("/")
    target = (path.parent / address.partition("?")[0]).resolve() if address else path
    if target.is_dir():
        target = target / "index.html"
    return target.exists() and (
        not place or target not in pages or place in pages[target].places)


def unknown_words() -> dict[str, list[str]]:
    """Pages by word that no list knows."""
    known = {line.strip().lower() for line in
             WORDS.read_text(encoding="utf-8").splitlines()
             if line and not line.startswith("#")}
    dictionary = spellchecker.SpellChecker()
    places: dict[str, list[str]] = {}
    for path in PAGES:
        prose = NO_PROSE.sub(" ", path.read_text(encoding="utf-8"))
        words = {word.lower().removesuffix("'s").strip("'")
                 for word in WORD.findall(prose)}
        for word in dictionary.unknown(words - known - {""}):
            places.setdefault(word, []).append(str(path.relative_to(ROOT)))
    return places


def main(site: str) -> int:
    """Prints what is wrong; the status is 1 if anything is."""
    folder = pathlib.Path(site).resolve()
    problems, external = problems_of_links(folder)
    (folder / "external-links.txt").write_text("\n".join(sorted(external)) + "\n",
                                               encoding="utf-8")
    problems += [f"{', '.join(sorted(set(pages)))}: {word!r} is in no list of words; "
                 "mend it, or add it to docs/words.txt"
                 for word, pages in sorted(unknown_words().items())]
    misspelt = subprocess.run(
        [sys.executable, "-m", "codespell_lib", *map(str, PAGES)],
        capture_output=True, text=True)
    problems += misspelt.stdout.splitlines()
    count = len(list(folder.rglob("*.html")))
    print("\n".join(problems) or f"{count} pages: all links and words known; "
          f"{len(external)} links to other sites in {folder.name}/external-links.txt")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
