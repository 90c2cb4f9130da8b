#!/usr/bin/env python3
"""Derives compartments.tsv and search-parameters.tsv from tables of the official FHIR R4 (4.0.1) definitions.

    python3 derive.py SOURCE_FOLDER

SOURCE_FOLDER holds compartments.json, search-parameters.tsv and elements.tsv; README.md says what they are.
A search parameter is kept only if every branch of its FHIRPath expression is a plain element path, possibly with
one cast (`as`) or one test for the type of a reference. What is dropped here is refused when it appears in a scope.
"""

import csv
import json
import re
import sys
from pathlib import Path

TOKEN = {"Coding", "CodeableConcept", "Identifier", "code", "boolean", "string", "id"}
REFERENCE = {"Reference"}
URI = {"uri", "url", "canonical", "oid", "uuid"}
KINDS = {"token": TOKEN, "reference": REFERENCE, "uri": URI}
ON_EVERY_TYPE = {"_id", "_profile", "_security", "_tag"}
HEADER = "# FHIR R4 4.0.1, official definitions (HL7, CC0-1.0); made by derive.py, do not edit\n"


def rows(file):
    with open(file, newline="", encoding="utf-8") as text:
        return list(csv.DictReader(text, delimiter="\t", quoting=csv.QUOTE_NONE))


def element_table(source):
    table = {}
    for row in rows(source / "elements.tsv"):
        types = ["id" if t == "System.String" else t for t in row["types"].split("|") if t]
        table[row["path"]] = (types, row["content_reference"].lstrip("#"))
    return table


def find(elements, owner, name):
    """(json names with datatype, where children are defined) of the element `name` below `owner`."""
    plain = f"{owner}.{name}"
    if plain in elements:
        types, content = elements[plain]
        if content:
            return [(name, None, content)]
        nested = any(path.startswith(plain + ".") for path in elements)
        return [(name, t, plain if nested else t) for t in types]
    choice = f"{owner}.{name}[x]"
    if choice in elements:
        return [(name + t[0].upper() + t[1:], t, t) for t in elements[choice][0]]
    return []


def walk(elements, owner, names, cast):
    """All (path, datatype) an element path can mean; empty when the path is not in the definitions."""
    found = [((), owner, None)]
    for at, name in enumerate(names):
        last = at == len(names) - 1
        step = []
        for path, place, _ in found:
            options = find(elements, place, name)
            if not options:
                options = find(elements, "DomainResource", name) or find(elements, "Resource", name) if at == 0 else []
            for json_name, datatype, children in options:
                if not last or cast is None or datatype == cast:
                    step.append((path + (json_name,), children, datatype))
        found = step
    return [(".".join(path), datatype) for path, _, datatype in found]


BRANCH = re.compile(
    r"^(?P<path>[A-Za-z]+(?:\.[A-Za-z]+)*)"
    r"(?:\.where\(resolve\(\) is (?P<target>[A-Za-z]+)\)|\.as\((?P<cast>[A-Za-z]+)\)| as (?P<cast2>[A-Za-z]+))?$"
)


def branches(expression):
    for branch in expression.split("|"):
        branch = branch.strip()
        while branch.startswith("(") and branch.endswith(")"):
            branch = branch[1:-1].strip()
        yield branch


def paths_of(elements, base, expression):
    """[(path, datatype, target)] of one parameter on one type; None when some branch cannot be expressed."""
    out = []
    for branch in branches(expression):
        if not branch.lstrip("(").startswith(base + "."):
            if re.match(r"^\(?[A-Z]", branch):
                continue  # another type's branch of a shared parameter
            return None
        match = BRANCH.match(branch)
        if not match:
            return None
        names = match["path"].split(".")[1:]
        options = walk(elements, base, names, match["cast"] or match["cast2"])
        if not options:
            return None
        out += [(path, datatype, match["target"] or "") for path, datatype in options]
    return out or None


def parameters(source, elements):
    table = {}
    for row in rows(source / "search-parameters.tsv"):
        for base in row["base"].split("|"):
            found = paths_of(elements, base, row["expression"])
            if found:
                table[(base, row["code"])] = (row["type"], found)
    return table


def main():
    source, here = Path(sys.argv[1]), Path(__file__).parent
    elements = element_table(source)
    known = parameters(source, elements)

    patient = json.loads((source / "compartments.json").read_text())["Patient"]
    with open(here / "compartments.tsv", "w", encoding="utf-8") as out:
        out.write(HEADER + "# Patient compartment: type, search parameter, element path of references\n")
        for base in sorted(patient):
            for code in patient[base]:
                kind, found = known[(base, code)]
                assert kind == "reference" and all(datatype == "Reference" for _, datatype, _ in found), (base, code)
                for path, _, target in found:
                    assert target in ("", "Patient"), (base, code)
                    out.write(f"{base}\t{code}\t{path}\n")

    with open(here / "search-parameters.tsv", "w", encoding="utf-8") as out:
        out.write(HEADER + "# type, code, kind, element path, datatype, type the reference must name (if any)\n")
        for (base, code), (kind, found) in sorted(known.items()):
            if kind not in KINDS or any(datatype not in KINDS[kind] for _, datatype, _ in found):
                continue
            if base in ("Resource", "DomainResource") and code not in ON_EVERY_TYPE:
                continue
            for path, datatype, target in found:
                out.write(f"{base}\t{code}\t{kind}\t{path}\t{datatype}\t{target}\n")


if __name__ == "__main__":
    main()
