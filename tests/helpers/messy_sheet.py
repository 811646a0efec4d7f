"""A hospital's Excel sheet with everything that goes wrong in such sheets, and its
pictures."""

import pathlib

import cv2
import dicom_writer
import numpy as np
import openpyxl

from end2end import phantoms

# Position of a row whose file is DICOM, and which says another side than its tags.
AGAINST = 3
HEADINGS = ("Lfd. Nr.", "Patienten-ID", "Untersuchung", "Seite", "Ebene", "Datei",
            "Befund", "Alter", "ACR")


def write(folder, *, women=24, size=(192, 144), seed=4):
    """Writes pictures and `Liste.xlsx`; returns the path of the sheet and its rows.

    The sheet has a title above the header, an empty and a hidden row, merged cells, a
    sum below, foreign words, two labels of one file, a file that is missing, the same
    row twice, a side against the tags, and decimal commas.
    """
    folder = pathlib.Path(folder)
    (folder / "bilder").mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(1, women + 1):
        woman = phantoms.drawing.draw_woman(number, seed=seed, difficulty=0)
        for side, lesions in woman.lesions.items():
            malignant = any(lesion.malignant for lesion in lesions)
            for view in phantoms.drawing.VIEWS:
                picture, _ = phantoms.drawing.render(woman, side, view, size,
                                                     style="digital")
                name = f"bild{len(rows) + 1:04d}"
                if number % 3:
                    name += ".dcm"
                    dicom_writer.write(folder / "bilder" / name, picture, PatientID="",
                                       ImageLaterality=side[0], ViewPosition=view)
                else:
                    name += ".png"
                    cv2.imwrite(str(folder / "bilder" / name), picture << 4)
                rows.append([
                    len(rows) + 1, f"{number:05d}", f"U{number:03d}",
                    {"LEFT": "links", "RIGHT": "rechts"}[side], view, name,
                    "bösartig" if malignant else "gutartig", f"{40 + number},5",
                    1 + number % 4])
    return _sheet(folder / "Liste.xlsx", rows), rows


def _sheet(path, rows):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Mammographien"
    sheet["A1"] = "Mammographie-Liste, Stand 01.03.2021"
    sheet.merge_cells("A1:I1")
    sheet.append([])
    sheet.append(list(HEADINGS))
    for row in rows:
        sheet.append(row)
    first = 4
    # The patient of two images in one merged cell.
    sheet.merge_cells(start_row=first, end_row=first + 1, start_column=2, end_column=2)
    sheet.row_dimensions[first + 2].hidden = True
    sheet.append(rows[5])                                        # the same row again
    twice = list(rows[6])
    twice[6] = "gutartig" if twice[6] == "bösartig" else "bösartig"
    sheet.append(twice)                                          # two labels
    sheet.append([999, "00099", "U099", "links", "CC", "fehlt.png", "gutartig", "", 2])
    sheet.cell(first + AGAINST, 4).value = (                     # against the tags
        "rechts" if rows[AGAINST][3] == "links" else "links")
    sheet.cell(first + 8, 7).value = None                        # no label
    sheet.append(["Summe", None, None, None, None, None, len(rows)])
    notes = book.create_sheet("Notizen")
    notes["A1"] = "nur intern"
    book.save(path)
    return path


def damaged(path, folder):
    """Writes a CSV whose numbers of patients went through a spreadsheet: 1.2E+10,
    dates, lost zeros; returns the path."""
    lines = ["patient;file;label"]
    for number, patient in enumerate(("1.2E+10", "02. Jan", "0123", "123", "55", "55")):
        name = f"p{number}.png"
        pixels = np.full((96, 64), 10 * number, np.uint8)
        pixels[20:40, 5:30] = 200
        cv2.imwrite(str(pathlib.Path(folder) / name), pixels)
        lines.append(f"{patient};{name};{number % 2}")
    pathlib.Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


