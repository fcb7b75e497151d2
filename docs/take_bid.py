#!/usr/bin/env python3
"""Take one bid out of an auditor's case file, ready to be opened with stock programs.

usage: take_bid.py AUDITOR.sealbid             list the lines of the file's opening records
       take_bid.py AUDITOR.sealbid LINE DIR    take the bid of that line, counted from 1

Lines are those of the units that kind.json names, in its order. DIR is made for you alone and gets
bid.age, manifest.note, and for every custodian that released its key c<i>.key and share<i>.age,
where i is the custodian's place in the unit's roster. Nothing is checked here: `sealbid verify` does
that, and `age-keygen -y` shows whether the right key was found. Standard library only; the file is
read as a stream, whatever its size.
"""
import base64
import hashlib
import json
import os
import shutil
import sys
import tarfile

WANTED = ("sealbid/unit/v1", "sealbid/opening/v1", "sealbid/release/v1")


def statement(note):
    """Type, body and SHA-256 of a signed note: its text is two lines and says it all."""
    kind, line = note.split(b"\n")[:2]
    text = kind + b"\n" + line + b"\n"
    return kind.decode(), json.loads(line), hashlib.sha256(text).hexdigest()


def unit_id(body):
    """A unit's id covers its draft, which had no recipients yet."""
    draft = {name: value for name, value in body.items() if name != "recipients"}
    text = json.dumps(draft, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(b"sealbid/unit/v1\n" + text.encode()).hexdigest()


def opened(body):
    """The notes among the leaves of an opened-<N> member that are asked for."""
    for line in body.decode().splitlines()[1:]:
        event = line.split(" ")[2]
        if event != "pad":
            note = base64.b64decode(event)
            if note.split(b"\n")[0].decode(errors="replace") in WANTED:
                yield statement(note)


def members(path):
    """The members' names, each with a function that gives its open file."""
    with tarfile.open(path) as case:
        for member in case:
            yield member.name, lambda member=member: case.extractfile(member)


def read(path):
    """The file's units in order: each its opening, its custodians in order, its releases."""
    names, rosters, found = [], {}, {}
    for name, body in members(path):
        if name == "kind.json":
            names = json.load(body())["units"]
        elif name.startswith("roster-"):
            _, roster, sha256 = statement(body().read())
            rosters[sha256] = [member["id"] for member in roster["custodians"]]
        elif name.startswith("opened-"):
            for kind, text, _ in opened(body().read()):
                of = unit_id(text) if kind == WANTED[0] else text["unit_id"]
                found.setdefault(of, {}).setdefault(kind, []).append(text)
    units = []
    for statements in (found.get(name, {}) for name in names):
        if all(kind in statements for kind in WANTED):
            unit, opening, releases = (statements[kind] for kind in WANTED)
            units.append((opening[0], rosters[unit[0]["roster_sha256"]], releases))
    return units


def take(path, line, places, releases, folder):
    note = line["manifest"].encode()
    manifest = statement(note)[1]
    os.mkdir(folder, 0o700)

    def create(name):
        # Keys open bids: nobody else may read them.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        return os.fdopen(os.open(os.path.join(folder, name), flags, 0o600), "wb")

    with create("manifest.note") as file:
        file.write(note)
    wanted = {manifest["bid"]["sha256"]: "bid.age"}
    for release in releases:
        place = places.index(release["custodian"])
        wanted[manifest["shares"][place]] = f"share{place + 1}.age"
        with create(f"c{place + 1}.key") as file:
            file.write(release["identity"].encode() + b"\n")
    for name, body in members(path):
        target = wanted.pop(name.removeprefix("sealed-"), None)
        if target is not None:
            with create(target) as file:
                shutil.copyfileobj(body(), file)
    if wanted:
        sys.exit("error: not in the file: " + ", ".join(sorted(wanted.values())))
    print(manifest["seal_recipient"])


def main(path, number=None, folder=None):
    lines = [
        (line, places, releases)
        for opening, places, releases in read(path)
        for line in opening["lines"]
    ]
    if number is None:
        for place, (line, _, _) in enumerate(lines, 1):
            price = line["outcome"].get("offer", {}).get("price", "-")
            print(place, line["outcome"]["status"], line["bidder"], price)
        return
    if not 1 <= int(number) <= len(lines):
        sys.exit(f"error: there are lines 1 to {len(lines)}")
    line, places, releases = lines[int(number) - 1]
    take(path, line, places, releases, folder)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
