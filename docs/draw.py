#!/usr/bin/env python3
"""Recompute a draw. usage: draw.py DRAW RESULT, the two statements (docs/FORMATS.md, Draws). Standard library only.

Prints each position that was drawn, and "not as drawn" with exit code 1 where the result does not follow. Signatures, and that the
contributions are those of the close, are not looked at: `sealbid verify` does that.
"""
import hashlib, json, sys


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def root(leaf, index, size, proof):
    """Where an inclusion proof leads (RFC 9162, section 2.1.3.2)."""
    hash, last = sha256(b"\0", leaf), size - 1
    for sibling in map(bytes.fromhex, proof):
        if index % 2 or index == last:
            hash = sha256(b"\1", sibling, hash)
            while index % 2 == 0 and index:
                index, last = index // 2, last // 2
        else:
            hash = sha256(b"\1", hash, sibling)
        index, last = index // 2, last // 2
    return hash.hex()


def main(draw_path, result_path):
    texts = ["\n".join(open(path, encoding="utf-8").read().split("\n")[:2]) + "\n" for path in (draw_path, result_path)]
    draw, result = (json.loads(text.split("\n")[1]) for text in texts)
    holds = sha256(texts[0].encode()).hex() == result["draw_sha256"]
    values = [it["value"] for it in result["contributions"]] + [result.get("beacon_value", "")]
    inputs = map(bytes.fromhex, [result["draw_sha256"], result["close_sha256"], *values])
    seed, taken = sha256(b"sealbid/draw-seed/v1\n", *inputs).hex(), set()
    for stratum, pool, drawn in zip(draw["strata"], draw["pools"], result["strata"], strict=True):
        left, key = list(range(pool["count"])), f"{seed}/{stratum['label']}/".encode()
        for position, pick in enumerate(drawn["picks"]):
            counter, leaf = position.to_bytes(2, "big"), pick["leaf"]
            index = left.pop(int.from_bytes(sha256(counter, key, counter), "big") % len(left))
            holds &= index == pick["index"] and root(bytes.fromhex(leaf), index, pool["count"], pick["proof"]) == pool["root"]
            holds &= (leaf in taken) == (pick["outcome"] == {"skipped": "taken"})
            if isinstance(pick["outcome"], str):
                taken.add(leaf)
                print(stratum["label"], position, pick["outcome"], leaf)
        found = [pick["outcome"] for pick in drawn["picks"] if isinstance(pick["outcome"], str)]
        wanted = ["seated"] * stratum["k"] + ["reserve"] * stratum["reserves"]
        is_at_its_end = not left or len(drawn["picks"]) == 65536
        holds &= found == wanted[: len(found)] and (len(found) == len(wanted) or is_at_its_end)
        holds &= is_at_its_end or isinstance(drawn["picks"][-1]["outcome"], str)
    if not holds or seed != result["seed"]:
        sys.exit("not as drawn")


main(*sys.argv[1:])
