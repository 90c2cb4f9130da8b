#!/usr/bin/env python3
"""Derives compartments.tsv and search-parameters.tsv from tables of the official FHIR R4 (4.0.1) definitions.

    python3 derive.py SOURCE_FOLDER

SOURCE_FOLDER holds compartments.json, search-parameters.tsv and elements.tsv; README.md says what they are.
A search parameter is kept only if every branch of its FHIRPath expression has one of the shapes below. What is dropped
here is refused when it appears in a scope or in a search.
"""

import csv
import json
import re
import sys
from collections import namedtuple
from pathlib import Path

COMPARABLE = {
    "number": {"decimal", "integer", "positiveInt", "unsignedInt", "Range"},
    "date": {"date", "dateTime", "instant", "Period", "Timing"},
    "string": {"string", "markdown", "HumanName", "Address"},
    "token": {"Coding", "CodeableConcept", "Identifier", "ContactPoint", "code", "boolean", "string", "id", "uri", "standing-flag", "standing-text"},
    "reference": {"Reference", "canonical", "uri"},
    "quantity": {"Quantity", "Age", "Duration", "Count", "Distance", "Money", "Range"},
    "uri": {"uri", "url", "canonical", "oid", "uuid"},
}
# Kept in mind, never compared: `:missing` cannot be answered for a parameter that has such a place.
INCOMPARABLE = "-"
# Matching by sound is up to the server, though the expression is a plain path.
LEFT_TO_THE_SERVER = {"phonetic"}
HEADER = "# FHIR R4 4.0.1, official definitions (HL7, CC0-1.0); made by derive.py, do not edit\n"

Element = namedtuple("Element", "types content many targets")
# `steps` as written in the table, `owner` defines the children, `names` is the type a reference must name.
Place = namedtuple("Place", "steps owner datatype names targets")


def rows(file):
    with open(file, newline="", encoding="utf-8") as text:
        return list(csv.DictReader(text, delimiter="\t", quoting=csv.QUOTE_NONE))


def element_table(source):
    table = {}
    for row in rows(source / "elements.tsv"):
        types = ["id" if t == "System.String" else t for t in row["types"].split("|") if t]
        targets = [t for t in row["reference_targets"].split("|") if t]
        table[row["path"]] = Element(types, row["content_reference"].lstrip("#"), row["max"] == "*", targets)
    return table


def find(elements, owner, name):
    """[(step, datatype, where children are defined, targets)] of the element `name` below `owner`."""
    plain = f"{owner}.{name}"
    if plain in elements:
        element = elements[plain]
        step = name + "*" * element.many
        if element.content:
            return [(step, None, element.content, [])]
        nested = any(path.startswith(plain + ".") for path in elements)
        return [(step, t, plain if nested else t, element.targets) for t in element.types]
    choice = elements.get(f"{owner}.{name}[x]")
    if choice:
        stem = lambda t: name + t[0].upper() + t[1:] + "*" * choice.many
        return [(stem(t), t, t, choice.targets) for t in choice.types]
    return []


def descend(elements, places, name):
    out = []
    for place in places:
        options = find(elements, place.owner, name)
        if not options and not place.steps:
            options = find(elements, "DomainResource", name) or find(elements, "Resource", name)
        for step, datatype, owner, targets in options:
            out.append(Place(place.steps + (step,), owner, datatype, "", targets))
    return out


NAME = re.compile(r"[A-Za-z]+$")
CAST = re.compile(r"as\(([A-Za-z]+)\)$")
WHERE = re.compile(r"where\(([a-z]+)='([a-z-]+)'\)$")
NAMES = re.compile(r"where\(resolve\(\) is ([A-Za-z]+)\)$")
STANDING = re.compile(r"(\S+)\.exists\(\) and (\S+) != false$")


def walk(elements, owner, path):
    """All places a path below `owner` can mean; none when it has another shape or is not in the definitions."""
    standing = STANDING.match(path)
    if standing and standing[1] == standing[2]:
        places = walk(elements, owner, standing[1])
        kinds = {"boolean": "standing-flag", "date": "standing-text", "dateTime": "standing-text"}
        return [place._replace(datatype=kinds[place.datatype]) for place in places]
    places = [Place((), owner, None, "", [])]
    for step in re.findall(r"[A-Za-z]+\((?:[^()]|\(\))*\)|[^.]+", path) if path else []:
        if NAME.match(step):
            places = descend(elements, places, step)
        elif cast := CAST.match(step):
            # One expression writes `DateTime`.
            wanted = {cast[1], cast[1][0].lower() + cast[1][1:]}
            places = [place for place in places if place.datatype in wanted]
        elif where := WHERE.match(step):
            if any(not find(elements, place.owner, where[1]) for place in places):
                return []
            last = f"[{where[1]}={where[2]}]"
            places = [place._replace(steps=place.steps[:-1] + (place.steps[-1] + last,)) for place in places]
        elif names := NAMES.match(step):
            places = [place._replace(names=names[1]) for place in places]
        else:
            return []
    return places


def branches(expression):
    """Each alternative, in one spelling: `(x as T)` and `x as T` as `x.as(T)`."""
    for branch in expression.split("|"):
        branch = re.sub(r"\(([A-Za-z.]+) as ([A-Za-z]+)\)", r"\1.as(\2)", branch.strip())
        while branch.startswith("(") and branch.endswith(")"):
            branch = branch[1:-1].strip()
        yield re.sub(r"^([A-Za-z.]+) as ([A-Za-z]+)$", r"\1.as(\2)", branch)


def places_of(elements, base, expression):
    """The places of one expression on one type; None when some branch cannot be expressed."""
    out = []
    for branch in branches(expression):
        if branch == base:
            found = [Place((), base, base, "", [])]
        elif branch.startswith(base + "."):
            # `X.exists() and X != false` names its path twice.
            found = walk(elements, base, branch.removeprefix(base + ".").replace(f" {base}.", " "))
        elif re.match(r"[A-Z]", branch):
            continue  # another type's branch of a shared parameter
        else:
            found = walk(elements, base, branch)
        if not found:
            return None
        out += found
    return out or None


def reach(place, allowed):
    """The types a reference at that place may name, as far as the parameter allows them."""
    if place.names:
        return place.names
    own = [] if "Resource" in place.targets else place.targets
    chosen = [t for t in own if t in allowed] if own and allowed else own or allowed
    return "*" if len(chosen) > 100 or not chosen else "|".join(sorted(chosen))


def simple_rows(kind, places, allowed):
    out = []
    for place in places:
        comparable = place.datatype in COMPARABLE.get(kind, ())
        targets = reach(place, allowed) if comparable and kind == "reference" else ""
        out.append((kind, ".".join(place.steps), place.datatype if comparable else INCOMPARABLE, place.names, targets))
    return out if any(row[2] != INCOMPARABLE for row in out) else None


def composite_rows(elements, base, row, by_id):
    """One row a context, component and place: `context>path`, with `%` before a path from the resource down."""
    contexts = places_of(elements, base, row["expression"])
    out = []
    for context in contexts or []:
        parts = re.split(r"(?:^|\|)([A-Za-z-]+)=", row["components"])[1:]
        for at, (definition, expression) in enumerate(zip(parts[::2], parts[1::2])):
            kind = by_id[definition]["type"]
            for branch in branches(expression):
                from_root = branch.startswith("%resource.")
                owner = base if from_root else context.owner
                found = walk(elements, owner, branch.removeprefix("%resource."))
                found = [place for place in found if place.datatype in COMPARABLE[kind]]
                if not found:
                    return None
                for place in found:
                    path = f"{'.'.join(context.steps)}>{'%' * from_root}{'.'.join(place.steps)}"
                    targets = reach(place, []) if kind == "reference" else ""
                    out.append((f"composite.{at}.{kind}", path, place.datatype, place.names, targets))
    return out or None


def parameters(source, elements):
    """(base, code) -> rows, and the definitions that are covered on all of their types."""
    table, covered = {}, []
    definitions = rows(source / "search-parameters.tsv")
    by_id = {row["id"]: row for row in definitions}
    for row in definitions:
        complete = row["code"] not in LEFT_TO_THE_SERVER and row["expression"]
        for base in row["base"].split("|") if complete else ():
            if row["type"] == "composite":
                found = composite_rows(elements, base, row, by_id)
            else:
                places = places_of(elements, base, row["expression"])
                found = places and simple_rows(row["type"], places, [t for t in row["target"].split("|") if t])
            if found:
                table[(base, row["code"])] = found
            else:
                complete = False
        covered.append((row, bool(complete)))
    return table, covered


def main():
    source, here = Path(sys.argv[1]), Path(__file__).parent
    elements = element_table(source)
    known, covered = parameters(source, elements)

    patient = json.loads((source / "compartments.json").read_text())["Patient"]
    with open(here / "compartments.tsv", "w", encoding="utf-8") as out:
        out.write(HEADER + "# Patient compartment: type, search parameter, element path of references\n")
        for base in sorted(patient):
            for code in patient[base]:
                for kind, path, datatype, names, _ in known[(base, code)]:
                    assert kind == "reference" and datatype == "Reference" and names in ("", "Patient"), (base, code)
                    out.write(f"{base}\t{code}\t{path.replace('*', '')}\n")

    with open(here / "search-parameters.tsv", "w", encoding="utf-8") as out:
        out.write(HEADER + "# type, code, kind, place, datatype, type the reference must name (if any), types it may name\n")
        for (base, code), found in sorted(known.items()):
            for line in found:
                out.write("\t".join((base, code, *line)) + "\n")

    print(sum(complete for _, complete in covered), "of", len(covered), "search parameters")
    for row, complete in covered:
        if not complete:
            print("not modelled:", row["type"], row["base"], row["code"], row["expression"])


if __name__ == "__main__":
    main()
