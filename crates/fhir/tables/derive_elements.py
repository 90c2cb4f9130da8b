#!/usr/bin/env python3
"""Marks in elements.txt what belongs to a summary, by the official FHIR R4 (4.0.1) definitions.

    python3 derive_elements.py SOURCE_FOLDER

SOURCE_FOLDER holds elements.tsv; README.md says what it is. The marks of an earlier run are replaced.
"""

import csv
import sys
from pathlib import Path

NOTE = "# A last word `s`: the element is part of a summary (ElementDefinition.isSummary); made by derive_elements.py.\n"


def main():
    with open(Path(sys.argv[1]) / "elements.tsv", newline="", encoding="utf-8") as text:
        rows = csv.DictReader(text, delimiter="\t", quoting=csv.QUOTE_NONE)
        summary = {row["path"]: row["is_summary"] == "1" for row in rows}
    table = Path(__file__).parent / "elements.txt"
    out, owner, noted = [], None, False
    for line in table.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.startswith("#"):
            if line != NOTE:
                out.append(line)
            continue
        if not noted:
            out.append(NOTE)
            noted = True
        words = line.split()
        if line.startswith(" "):
            name, card, types = words[:3]
            path = f"{owner}.{name}"
            assert path in summary, path
            line = " ".join(["", name, card, types] + ["s"] * summary[path]) + "\n"
        elif words:
            owner = words[1]
        out.append(line)
    table.write_text("".join(out), encoding="utf-8")


if __name__ == "__main__":
    main()
