#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when a function of bnas/kernels.h is called by no test.

    every_function_is_tested.py kernels.h TEST...
"""
import pathlib
import re
import sys


def main():
    header, *tests = map(pathlib.Path, sys.argv[1:])
    without_comments = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.DOTALL)
    functions = re.findall(r"\b(bnas_\w+)\(", without_comments)
    called = "".join(test.read_text() for test in tests)
    missing = [f for f in functions if not re.search(rf"\b{f}\(", called)]
    print(f"{len(functions)} functions", *(f"{f} is called by no test" for f in missing), sep="\n")
    return 1 if missing or not functions else 0


if __name__ == "__main__":
    sys.exit(main())
