"""Which images are of one woman, one exam and one breast, and which of them vote.

Five rules look at more than one image: numbers that are nobody's, issuers, women told
apart by birth date or name, doubles, and the choice among several images of a view.
`settle` applies them to all images of a call.
"""

import collections
import collections.abc
import dataclasses
import datetime
import os
import pathlib
import re

from end2end import dicom
from end2end.images import reading
from end2end.tables import identity, image_names, kinds, manifests, vocabulary
from end2end.utils import files

Identity = identity.Identity

# One number with so many years of birth is that of nobody.
BIRTH_YEARS_OF_NOBODY = 3
# Numbers of INbreast's images of one woman lie closer within one exam; a gap of 60
# divides all exams of the set.
INBREAST_GAP = 60
# Days between images of one exam, at most; a recall within it belongs to it.
LONGEST_STUDY = 60
TAG = "tags PatientID"
STUDIES = ("tags StudyInstanceUID", "tags AccessionNumber")
SPLIT = re.compile("train(ing)?|val(id(ation)?)?|test(ing)?", re.I)
# Before the number of an exam that shares its study with others.
DIVIDED = " #"
# How a sentence on an image ends that stands in for a better one of its view.
STAND_IN = ", for want of a better picture"
# Signs of an exam's number that no two women share.
LEAST_EXAM = 8


def identified(images: collections.abc.Iterable[tuple[object, dict | None]]
               ) -> list[Identity]:
    """Identities of files, settled.

    Args:
        images: pairs of path and row of a manifest (or None).
    """
    return settle([reading.identify(path, manifest=row) for path, row in images])


def settle(identities: collections.abc.Sequence[Identity], *, doubles: bool = True
           ) -> list[Identity]:
    """Applies the rules that look at more than one image.

    Args:
        identities: of all images of a call, in their order.
        doubles: whether to look for images that come twice, for which files are read.

    Returns:
        the identities in the same order; `votes` is `no` for doubles and for kinds that
        never vote, `alone` where side, view, or both patient and exam are unknown.
    """
    settled = of_women(identities)
    if doubles:
        settled = mark_doubles(settled)
    return [by_itself(image) for image in settled]


def of_women(identities: collections.abc.Sequence[Identity]) -> list[Identity]:
    """The rules of `settle` on women and their exams; images of other numbers of
    patients have no say."""
    settled = _issuers(_without_nobody(list(identities)))
    settled = _single_studies(_divided(_exams(_told_apart(settled))))
    return [_own_exam(image) for image in settled]


def by_itself(image: Identity) -> Identity:
    """The rules of `settle` on one image, once doubles are marked."""
    unknown = [f"{word} unknown" for word, value in (
        ("side", image.laterality), ("view", image.view)) if not value]
    return (image if is_double(image) else _by_kind(image)).noted(*unknown)


def _by_kind(image):
    """Votes by what is known of the image alone."""
    if kinds.rank(image.kind, image.partial) is None:
        return dataclasses.replace(image, votes="no").noted(
            f"{kinds.KINDS[image.kind].sentence}; it does not vote")
    lone = image.woman is None and not image.exam
    known = image.laterality and image.view and not lone
    return dataclasses.replace(image, votes="yes" if known else "alone")


def of_lines(identities: collections.abc.Sequence[Identity]) -> list[Identity]:
    """One image as several lines of a table tell it: what they say differently is
    unknown, as where `tables.manifests` reads these lines together."""
    first, unknown, notes = identities[0], {}, []
    for name, word in manifests.WORDS.items():
        if len({getattr(image, name) for image in identities}) > 1:
            notes.append(manifests.TWO_THINGS.format(word))
            unknown[name] = kinds.STANDARD if name == "kind" else ""
    if "view" in unknown:
        unknown["modifier"] = ""
    if "patient" in unknown:
        unknown["namespace"] = ""
    read_from = {name: where for name, where in first.read_from.items()
                 if name not in unknown}
    return [dataclasses.replace(
        image, **unknown, read_from=read_from).noted(*notes) for image in identities]


# Patients -------------------------------------------------------------------------


def _tagged(image):
    return image.read_from.get("patient", "") == TAG


def _by_number(identities):
    """Positions of the images whose patient is told by PatientID, by number."""
    groups = collections.defaultdict(list)
    for i, image in enumerate(identities):
        if _tagged(image):
            groups[image.patient].append(i)
    return groups


def _forgotten(image, sentence):
    read_from = {name: where for name, where in image.read_from.items()
                 if name != "patient"}
    return dataclasses.replace(
        image, patient="", namespace="", read_from=read_from).noted(sentence)


def _without_nobody(identities):
    for members in _by_number(identities).values():
        years = _birth_years([identities[i] for i in members])
        issuers = {identities[i].namespace for i in members}
        if years >= BIRTH_YEARS_OF_NOBODY and len(issuers) == 1:
            for i in members:
                identities[i] = _forgotten(identities[i], (
                    f"its PatientID has {years} years of birth, so it is nobody's;"
                    " the patient is unknown"))
    return identities


def _birth_years(members):
    """How many years of birth there are; by ages, those next to each other are one."""
    by_date = {image.birth_date[:4] for image in members} - {""}
    by_age = sorted({image.birth_year for image in members} - {None})
    return max(len(by_date), sum(
        k == 0 or year - by_age[k - 1] > 1 for k, year in enumerate(by_age)))


def _issuers(identities):
    """A number without issuer is that of the only issuer of this number."""
    for members in _by_number(identities).values():
        issuers = {identities[i].namespace for i in members} - {""}
        bare = [i for i in members if not identities[i].namespace]
        for i in bare if issuers else ():
            if len(issuers) == 1:
                identities[i] = dataclasses.replace(
                    identities[i], namespace=next(iter(issuers)))
            else:
                identities[i] = identities[i].noted(
                    f"its PatientID has {len(issuers)} issuers, but none here; "
                    "she counts as another woman")
    return identities


def _told_apart(identities):
    """Women of one number and issuer, by birth date, then by name."""
    groups = collections.defaultdict(list)
    for i, image in enumerate(identities):
        if _tagged(image):
            groups[image.woman].append(i)
    for members in groups.values():
        women, unclear = _women([identities[i] for i in members])
        if len(women) < 2:
            continue
        births = {birth for birth, _ in women}
        how = "birth date" if len(births - {""}) > 1 else "name"
        for i, place in zip(members, unclear, strict=True):
            if place is None:
                identities[i] = _forgotten(identities[i], (
                    f"its PatientID is that of {len(women)} women, and nothing tells "
                    "which of them; the patient is unknown"))
            else:
                mark = f" #{place + 1}" if place else ""
                identities[i] = dataclasses.replace(
                    identities[i], patient=identities[i].patient + mark).noted(
                    f"its PatientID is that of {len(women)} women by {how}")
    return identities


def _women(members):
    """Women as pairs of birth date and words of names, and the place of each member.

    Of one birth date and one common word of the name is one woman (who married).
    Without birth date, common words tell; without either, nothing does.
    """
    described = {(image.birth_date, image.person) for image in members}
    women = []
    # Those of unknown birth last.
    for birth, person in sorted(described, key=lambda pair: (not pair[0], pair)):
        names = set(person.split())
        matching = [k for k, (other, theirs) in enumerate(women)
                    if (not birth or birth == other)
                    and (not names or not theirs or names & theirs)]
        if len(matching) == 1:
            other, theirs = women[matching[0]]
            women[matching[0]] = (other, theirs | names)
        elif not matching:
            women.append((birth, names))
    women.sort(key=lambda image: (image[0], sorted(image[1])))
    places = []
    for image in members:
        names = set(image.person.split())
        fitting = [k for k, (other, theirs) in enumerate(women)
                   if (not image.birth_date or image.birth_date == other)
                   and (not names or names & theirs or not theirs)]
        places.append(fitting[0] if len(fitting) == 1 else None)
    return women, places


# Exams ----------------------------------------------------------------------------


def _exams(identities):
    """Exams of sets whose files each have a study; gaps between INbreast's numbers."""
    inbreast = collections.defaultdict(list)
    for i, image in enumerate(identities):
        scheme = image_names.SCHEMES.get(image.scheme)
        by_manifest = image.read_from.get("exam", "").startswith(identity.MANIFEST)
        if scheme is None or not scheme.one_exam or by_manifest:
            continue
        identities[i] = dataclasses.replace(image, exam="")
        if image.scheme == "INbreast" and image.woman:
            inbreast[image.woman].append(i)
    for members in inbreast.values():
        numbers = {i: _image_number(identities[i].path) for i in members}
        members.sort(key=lambda i: numbers[i] or 0)
        exam = 1
        for before, i in zip([members[0], *members], members, strict=False):
            if (numbers[i] or 0) - (numbers[before] or 0) > INBREAST_GAP:
                exam += 1
            identities[i] = dataclasses.replace(identities[i], exam=str(exam))
    return identities


def _image_number(path):
    name = image_names.statement(path)
    return None if name is None else name.fields.get("number")


def _divided(identities):
    """A study whose images lie more than `LONGEST_STUDY` days apart is several exams,
    as where de-identification gave one number to all studies of a woman."""
    studies = collections.defaultdict(list)
    for i, image in enumerate(identities):
        if image.exam and image.day and image.read_from.get(
                "exam", "").startswith(identity.TAGS):
            studies[image.study].append(i)
    for members in studies.values():
        members.sort(key=lambda i: identities[i].day)
        exam, exams = 1, {}
        for before, i in zip([members[0], *members], members, strict=False):
            gap = identities[i].day - identities[before].day
            exam += gap.days > LONGEST_STUDY
            exams[i] = exam
        for i in members if exam > 1 else ():
            identities[i] = dataclasses.replace(
                identities[i], exam=f"{identities[i].exam}{DIVIDED}{exams[i]}").noted(
                f"its study has images of {exam} times more than {LONGEST_STUDY} days "
                "apart; they count as exams of their own")
    return identities


def _single_studies(identities):
    """Studies of one file each, as some de-identification writes them, tell nothing: of
    a woman who has no others, the date tells the exam."""
    women = collections.defaultdict(list)
    for i, image in enumerate(identities):
        if image.woman and image.read_from.get("exam") in STUDIES and (
                DIVIDED not in image.exam):
            women[image.woman].append(i)
    for members in women.values():
        images = {identities[i].image or identities[i].path: identities[i].exam
                  for i in members}
        if len(images) > 1 and len(set(images.values())) == len(images):
            for i in members:
                day = identities[i].day
                identities[i] = dataclasses.replace(
                    identities[i], exam=day.strftime("%Y%m%d") if day else "").noted(
                    "each of her images has a study of its own; " + (
                        "the date tells the exam" if day else "they count as one exam"))
    return identities


def _own_exam(image):
    """Of unknown women only an exam that is told by a long number holds: a date, a year
    or `visit 2` would join them."""
    short = len(image.exam) < LEAST_EXAM or vocabulary.day(image.exam) is not None
    return dataclasses.replace(image, exam="") if short and not image.woman else image


def days(identities: collections.abc.Sequence[Identity]) -> list[int | None]:
    """Whole days of each image since the first exam of its woman; None: not known.

    An exam of several days counts from its first.
    """
    first: dict[tuple, datetime.date] = {}
    for image in identities:
        for key in (image.study, image.woman):
            if image.day and image.woman:
                first[key] = min(image.day, first.get(key, image.day))
    return [(first[image.study] - first[image.woman]).days
            if image.woman and image.study in first else None for image in identities]


# Doubles --------------------------------------------------------------------------


def mark_doubles(identities: collections.abc.Sequence[Identity]) -> list[Identity]:
    """Marks images that are there twice; the first of them stays.

    DICOM files of one SOPInstanceUID and the same pixels, and other files of the same
    bytes, are doubles, unless patient, side or view contradict each other.
    """
    images = list(identities)
    for members in _alike(images):
        originals = []
        for i in members:
            image = images[i]
            twin = next((k for k in originals
                         if not _differing(images[k], image)), None)
            if twin is not None:
                first = images[twin]
                images[twin] = _completed(first, image)
                images[i] = dataclasses.replace(_completed(image, first), votes="no"
                    ).noted(f"the same image as {_shown(first.path)}")
                continue
            for k in originals[:1]:
                words = " and ".join(_differing(images[k], image))
                images[i] = image.noted(
                    f"the same picture as {_shown(images[k].path)}, there under "
                    f"another {words}")
            originals.append(i)
    return images


def _alike(identities):
    """Groups of positions of images with the same content."""
    by_uid, others = collections.defaultdict(list), collections.defaultdict(list)
    for i, image in enumerate(identities):
        if image.image:
            by_uid[image.image].append(i)
        elif key := image.content or _comparable_size(image.path):
            others[key].append(i)
    for members in by_uid.values():
        if len(members) > 1:
            groups = _grouped(members, lambda i: _pixel_hash(identities[i]))
            if len(groups) > 1:
                for i in members:
                    identities[i] = identities[i].noted(
                        "its SOPInstanceUID is that of other pixels too")
            yield from groups
    for members in others.values():
        if len(members) > 1:
            yield from _grouped(members, lambda i: identities[i].content
                                or files.sha256(identities[i].path))


def _comparable_size(path):
    """Bytes of a file, of which those of one size only are read; no others are equal.

    0 where there is nothing to compare: no file, or one beyond the largest image, which
    is refused anyway and would be read for long.
    """
    size = os.path.getsize(path) if os.path.isfile(path) else 0
    return size if size <= files.MAX_DICOM_BYTES else 0


def _grouped(members, key):
    groups = collections.defaultdict(list)
    for i in members:
        groups[key(i)].append(i)
    return list(groups.values())


def content(image: Identity, path: files.Path | None = None) -> str:
    """What two files of one image have in common: the hash of the pixels where there
    is a SOPInstanceUID, else of the bytes.

    Args:
        image: the identity.
        path: of the file; None: that of the identity.

    Raises:
        files.InputError: a DICOM file cannot be read.
        OSError: any other cannot be read.
    """
    path = path or image.path
    return dicom.pixel_hash(path) if image.image else files.sha256(path)


def _pixel_hash(image):
    try:
        return image.content or content(image)
    except files.InputError:
        return image.path  # nothing can be said; reading it says what is wrong


def _differing(first, other):
    """Words for what contradicts; what is unknown contradicts nothing."""
    pairs = (("patient", first.woman, other.woman),
             ("side", first.laterality, other.laterality),
             ("view", first.view, other.view))
    return [word for word, ours, theirs in pairs
            if ours and theirs and ours != theirs]


def _completed(image, other):
    """What a double knows of itself is known of the other too."""
    return dataclasses.replace(image, laterality=image.laterality or other.laterality,
                               view=image.view or other.view)


def is_double(image: Identity) -> bool:
    """Whether an image was marked as the double of another."""
    return image.votes == "no" and any(
        note.startswith("the same image as ") for note in image.notes)


# Votes ----------------------------------------------------------------------------


def elected(identities: collections.abc.Sequence[Identity], *, all_views: bool = False
            ) -> list[Identity]:
    """Chooses one image of each exam, breast and view; the others do not vote.

    Of the images of the best rank (`kinds.rank`) the last taken votes, for a retake
    replaces; else that of the highest number, else that of the last name.

    Args:
        identities: settled, of images that have a score.
        all_views: every image with a known side votes, doubles excepted.
    """
    chosen = list(identities)
    if all_views:
        return [dataclasses.replace(image, votes="yes") if image.laterality
                and not is_double(image) else image for image in chosen]
    groups = collections.defaultdict(list)
    for i, image in enumerate(chosen):
        if image.votes == "yes":
            groups[(image.study, image.laterality, image.view)].append(i)
    for members in groups.values():
        ranks = {i: kinds.rank(chosen[i].kind, chosen[i].partial) for i in members}
        best = [i for i in members if ranks[i] == min(ranks.values())]
        winner = max(best, key=_order([chosen[i] for i in best], chosen))
        for i in members:
            if i != winner:
                chosen[i] = dataclasses.replace(chosen[i], votes="no").noted(
                    "another image of this breast and view votes: "
                    f"{_shown(chosen[winner].path)}")
        sentence = stand_in(chosen[winner])
        if sentence:
            chosen[winner] = chosen[winner].noted(sentence)
    return chosen


def stand_in(image: Identity) -> str:
    """A sentence where an image votes that is no ordinary one of the whole breast."""
    sentence = kinds.KINDS[image.kind].sentence
    if image.kind == kinds.STANDARD:
        sentence = kinds.PARTIAL_SENTENCE if image.partial else ""
    if not sentence or image.votes != "yes":
        return ""
    return f"its {image.view} is {sentence}{STAND_IN}"


def _order(candidates, chosen):
    """The key by which the last taken of some images is found."""
    times = [image.taken for image in candidates]
    if all(times) and len({text.split(" ")[0] for text in times}) == 1:
        return lambda i: (chosen[i].taken, _natural(chosen[i].path))
    if all(image.number is not None for image in candidates):
        return lambda i: (chosen[i].number, _natural(chosen[i].path))
    return lambda i: _natural(chosen[i].path)


def _natural(path):
    """A key that sorts names with their numbers as numbers: `_10` after `_2`."""
    parts = re.split(r"(\d+)", path)
    parts[1::2] = map(int, parts[1::2])
    return parts


def _shown(path):
    return pathlib.PurePath(path).name


# Splits ---------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class SharedWoman:
    """A woman in more than one split: names of the splits, and paths of her images."""

    splits: tuple
    paths: tuple


def shared_women(sets: collections.abc.Mapping) -> list[SharedWoman]:
    """Women with images in more than one set, by manifests, tags or names.

    Args:
        sets: `image_lists.ImageList` by name; sets of the same files, such as a folder
            given twice, are compared once.
    """
    different = {}
    for name, images in sets.items():
        different.setdefault(images.paths, (name, images))
    if len(different) < 2:
        return []
    everything = [(name, image) for name, images in different.values()
                  for image in images.identities()]
    settled = settle([image for _, image in everything], doubles=False)
    women = collections.defaultdict(list)
    for (name, _), image in zip(everything, settled, strict=True):
        if image.woman:
            women[_without_split(image.namespace), image.patient].append(
                (name, image.path))
    shared = []
    for members in women.values():
        names = tuple(dict.fromkeys(name for name, _ in members))
        if len(names) > 1:
            # One image of each split, so that the sentence shows where.
            paths = {name: path for name, path in reversed(members)}
            shared.append(SharedWoman(names, tuple(paths[name] for name in names)))
    return shared


def _without_split(namespace):
    """A folder of names without the folders of splits above it: `train/w1` and
    `val/w1` are one woman's."""
    if not namespace.startswith(image_names.FOLDER):
        return namespace
    return tuple(part for part in pathlib.PurePath(namespace).parts
                 if not SPLIT.fullmatch(part))


def shared_sentence(shared: collections.abc.Sequence[SharedWoman]) -> str:
    """A sentence on `shared_women`, which names files and no patient."""
    paths = ", ".join(str(path) for path in shared[0].paths)
    women = "1 patient is" if len(shared) == 1 else f"{len(shared)} patients are"
    return (f"{women} in more than one split (first: {paths}); split by patient, or "
            "results are too good.")
