#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the tests that ctest lists, label by label, with the numbers on record.

A source file that drops out of the build and a test program that is no longer discovered fail here. More tests than on
record are welcome; `--update` writes the numbers of this build.
"""
import argparse
import collections
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
HEADER = """\
# Least number of tests by label. After removing tests on purpose, and now and then after adding some:
#   python3 tests/test_count.py BUILD_DIRECTORY --update
# and, for a build with CUDA, the same with --cuda.
"""


def label_of(test):
    for entry in test.get("properties", []):
        if entry["name"] == "LABELS":
            return entry["value"][0]
    return "unlabelled"


def count(ctest, build_dir):
    # Listing in the build directory itself would overwrite the log of the ctest that runs this.
    with tempfile.TemporaryDirectory() as scratch:
        testfile = pathlib.Path(scratch) / "CTestTestfile.cmake"
        testfile.write_text(f'subdirs("{pathlib.Path(build_dir).resolve()}")\n')
        command = [ctest, "--test-dir", scratch, "--show-only=json-v1"]
        listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    tests = json.loads(listing)["tests"]
    return collections.Counter(label_of(test) for test in tests if not test["name"].endswith("_NOT_BUILT"))


def recorded(record):
    lines = (line.split() for line in record.read_text().splitlines() if line and not line.startswith("#"))
    return {label: int(number) for label, number in lines}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build_dir")
    parser.add_argument("--ctest", default="ctest")
    parser.add_argument("--cuda", action="store_true", help="the build has CUDA")
    parser.add_argument("--update", action="store_true")
    arguments = parser.parse_args()

    record = HERE / ("expected_test_count_cuda.txt" if arguments.cuda else "expected_test_count.txt")
    found = count(arguments.ctest, arguments.build_dir)
    if arguments.update:
        record.write_text(HEADER + "".join(f"{label} {found[label]}\n" for label in sorted(found)))
        return 0
    status = 0
    for label, expected in recorded(record).items():
        verdict = "ok" if found[label] >= expected else "TESTS ARE MISSING"
        print(f"{label}: {found[label]} tests, at least {expected} expected: {verdict}")
        if found[label] < expected:
            status = 1
    if status:
        print("Were they removed on purpose? Then: python3 tests/test_count.py BUILD_DIRECTORY --update")
    return status


if __name__ == "__main__":
    sys.exit(main())
