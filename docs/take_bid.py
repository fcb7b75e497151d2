#!/usr/bin/env python3
"""Take one bid out of an auditor's case file, ready to be opened with stock programs.

usage: take_bid.py AUDITOR.sealbid             list the lines of the first opening record
       take_bid.py AUDITOR.sealbid LINE DIR    take the bid of that line, counted from 1

DIR is made and gets bid.age, manifest.note, and for every custodian that released its key c<i>.key
and share<i>.age, where i is the custodian's place in the roster. Nothing is checked here:
`sealbid verify` does that, and `age-keygen -y` shows whether the right key was found. Standard
library only.
"""
import base64
import json
import os
import sys
import tarfile


def statement(event):
    """Type and body of a signed note: its first two lines."""
    kind, line = event.decode().split("\n")[:2]
    return kind, json.loads(line)


def members(path):
    with tarfile.open(path) as case:
        for member in case:
            yield member.name, case.extractfile(member).read()


def read(path):
    """The notes in the opened leaves, the sealed files by SHA-256, the custodians in their order."""
    events, sealed, places = [], {}, []
    for name, body in members(path):
        if name.startswith("opened-"):
            for line in body.decode().splitlines()[1:]:
                event = line.split(" ")[2]
                if event != "pad":
                    events.append(base64.b64decode(event))
        elif name.startswith("roster-"):
            places = [member["id"] for member in statement(body)[1]["custodians"]]
        elif name.startswith("sealed-"):
            sealed[name.removeprefix("sealed-")] = body
    notes = [statement(event) for event in events if not event.startswith(b"{")]
    return notes, sealed, places


def main(path, number=None, folder=None):
    notes, sealed, places = read(path)
    opening = next(body for kind, body in notes if kind == "sealbid/opening/v1")
    if number is None:
        for place, line in enumerate(opening["lines"], 1):
            price = line["outcome"].get("offer", {}).get("price", "-")
            print(place, line["outcome"]["status"], line["bidder"], price)
        return
    note = opening["lines"][int(number) - 1]["manifest"]
    manifest = statement(note.encode())[1]
    os.mkdir(folder)

    def write(name, content):
        with open(os.path.join(folder, name), "xb") as file:
            file.write(content)

    write("manifest.note", note.encode())
    write("bid.age", sealed[manifest["bid"]["sha256"]])
    for kind, body in notes:
        if kind == "sealbid/release/v1" and body["unit_id"] == opening["unit_id"]:
            place = places.index(body["custodian"])
            write(f"c{place + 1}.key", body["identity"].encode() + b"\n")
            write(f"share{place + 1}.age", sealed[manifest["shares"][place]])
    print(manifest["seal_recipient"])


if __name__ == "__main__":
    if len(sys.argv) not in (2, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
