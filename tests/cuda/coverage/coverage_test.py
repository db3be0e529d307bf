#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every kernel of the library must be executed by the tests on the emulator: runs the test programs with the emulator's
report, prints a table of kernels with launches, warp instructions and the programs that ran them (each compares with
loops in float64 or integers written from the definition), and fails where a kernel was never launched.

usage: coverage_test.py LIBRARY PROGRAM...     (PROGRAM: a test program, or one with :FILTER of GoogleTest)
"""
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "codegen"))
import cubin  # noqa: E402

FAMILY = re.compile(r"(\w+_kernel)\b")
GENERATIONS = (75, 80, 100)  # those whose convolutions differ: 1-bit products, with AND as well, 8-bit ones


def run(program, report, capability):
    path, _, chosen = program.partition(":")
    environment = {**os.environ, "BNAS_EMU_REPORT": str(report), "BNAS_EMU_CC": capability}
    done = subprocess.run([path, *([f"--gtest_filter={chosen}"] if chosen else [])], env=environment,
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{path} failed on compute capability {capability}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")


def main():
    library, *programs = sys.argv[1:]
    kernels, embedded = cubin.read(pathlib.Path(library))
    generations = [a for a in GENERATIONS if a in embedded["ptx"]]
    wanted = {kernel.family for kernel in kernels if kernel.name.startswith("bnas::")}
    launches, instructions = collections.Counter(), collections.Counter()
    by = collections.defaultdict(set)
    with tempfile.TemporaryDirectory(prefix="bnas-coverage-") as scratch:
        for program in programs:
            name = pathlib.Path(program.partition(":")[0]).name
            for generation in generations if name == "cuda_tests" else (80,):
                report = pathlib.Path(scratch) / f"{name}-{generation}.jsonl"
                run(program, report, f"{generation // 10}.{generation % 10}")
                for line in report.read_text().splitlines():
                    entry = json.loads(line)
                    found = FAMILY.search(entry["kernel"])
                    if found is not None:
                        launches[found[1]] += entry["launches"]
                        instructions[found[1]] += entry["warp_instructions"]
                        by[found[1]].add(name)
    print(f"{'kernel':<48}{'launches':>10}{'warp instructions':>20}  executed by")
    for family in sorted(wanted):
        print(f"{family:<48}{launches[family]:>10}{instructions[family]:>20}  {', '.join(sorted(by[family]))}")
    never = sorted(family for family in wanted if launches[family] == 0)
    if never:
        sys.exit(f"never executed: {', '.join(never)}")
    print(f"{len(wanted)} kernels, all executed")


if __name__ == "__main__":
    main()
