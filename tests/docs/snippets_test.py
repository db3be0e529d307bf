#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Code in documents is code that is tested: a block after `<!-- file: PATH -->` equals that file without its SPDX line.

    snippets_test.py REPOSITORY [--update]
"""
import pathlib
import re
import sys

BLOCK = re.compile(r"(<!-- file: (\S+) -->\n```\w*\n)(.*?)(```\n)", re.DOTALL)


def main():
    root, update = pathlib.Path(sys.argv[1]), "--update" in sys.argv[2:]
    count, wrong = 0, []
    for document in sorted(root.glob("docs/*.md")):
        text = document.read_text()
        fresh = text
        for head, path, code, _ in BLOCK.findall(text):
            lines = (root / path).read_text().splitlines(keepends=True)
            expected = "".join(line for line in lines if "SPDX-License-Identifier" not in line)
            count += 1
            if code != expected:
                wrong.append(f"{document.name}: the block is not {path}")
                fresh = fresh.replace(head + code, head + expected)
        if update:
            document.write_text(fresh)
    print(f"{count} blocks", *wrong, sep="\n")
    return 1 if (wrong and not update) or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
