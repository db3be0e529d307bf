#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when the machine code of the kernel library is not what the plan says.

    gates.py LIBRARY --architectures 75 80 90 100 120
"""
import argparse
import pathlib
import sys

import cubin
import plan


def check(library, architectures):
    """Returns all complaints about a library."""
    kernels, embedded = cubin.read(library)
    if not kernels:
        return [f"{library}: no kernel in it"]
    wrong = []
    for kind, what in (("sm", "machine code"), ("ptx", "PTX")):
        missing = sorted(set(architectures) - embedded[kind])
        if missing:
            wrong.append(f"{library}: an object lacks {what} of {', '.join(map(str, missing))}")
    for kernel in kernels:
        wrong += plan.violations(kernel)
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=pathlib.Path)
    parser.add_argument("--architectures", type=int, nargs="+", required=True)
    options = parser.parse_args()
    wrong = check(options.library, options.architectures)
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
