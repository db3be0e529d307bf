#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when a function of the C interface is called by no test.

    every_function_is_tested.py --headers HEADER... --tests TEST...
"""
import argparse
import pathlib
import re
import sys


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--headers", type=pathlib.Path, nargs="+", required=True)
    parser.add_argument("--tests", type=pathlib.Path, nargs="+", required=True)
    options = parser.parse_args()
    without_comments = re.sub(r"/\*.*?\*/", "", "".join(h.read_text() for h in options.headers), flags=re.DOTALL)
    functions = re.findall(r"\b(bnas_\w+)\(", without_comments)
    called = "".join(test.read_text() for test in options.tests)
    missing = [f for f in functions if not re.search(rf"\b{f}\(", called)]
    print(f"{len(functions)} functions", *(f"{f} is called by no test" for f in missing), sep="\n")
    return 1 if missing or not functions else 0


if __name__ == "__main__":
    sys.exit(main())
