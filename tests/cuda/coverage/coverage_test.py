#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every kernel of the library must be executed by the tests on the emulator, and what it computes be compared with an
oracle: runs the test programs with the emulator's report and prints a table of kernels with launches, warp
instructions, the oracles that the suites declare (support/declared_oracle.hpp) and the programs. Fails where a kernel
was never launched, or only by suites without an oracle.

usage: coverage_test.py TABLE LIBRARY PROGRAM...

TABLE is the file that is written; PROGRAM a test program, or one with :FILTER of GoogleTest.
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


class Table:
    """What a report's lines say of the kernels that are wanted."""

    def __init__(self, wanted):
        self.wanted = sorted(wanted)
        self.launches, self.instructions = collections.Counter(), collections.Counter()
        self.oracles = collections.defaultdict(set)  # kernel: (oracle, program)

    def add(self, program, entry):
        found = FAMILY.search(entry["kernel"])
        if found is None:
            return
        self.launches[found[1]] += entry["launches"]
        self.instructions[found[1]] += entry["warp_instructions"]
        if entry["note"]:
            self.oracles[found[1]].add((entry["note"], program))

    def text(self):
        yield f"{'kernel':<40}{'launches':>9}{'warp instructions':>19}  compared with (by)"
        for kernel in self.wanted:
            compared = ", ".join(f"{oracle} ({program})" for oracle, program in sorted(self.oracles[kernel]))
            yield f"{kernel:<40}{self.launches[kernel]:>9}{self.instructions[kernel]:>19}  {compared or '-'}"

    def complaints(self):
        never = [kernel for kernel in self.wanted if not self.launches[kernel]]
        unchecked = [kernel for kernel in self.wanted if self.launches[kernel] and not self.oracles[kernel]]
        return [f"{what}: {', '.join(kernels)}" for what, kernels in
                (("never executed", never), ("compared with no oracle", unchecked)) if kernels]


def main():
    written, library, *programs = sys.argv[1:]
    kernels, embedded = cubin.read(pathlib.Path(library))
    generations = [a for a in GENERATIONS if a in embedded["ptx"]]
    table = Table({kernel.family for kernel in kernels if kernel.name.startswith("bnas::")})
    with tempfile.TemporaryDirectory(prefix="bnas-coverage-") as scratch:
        for program in programs:
            name = pathlib.Path(program.partition(":")[0]).name
            for generation in generations if name == "cuda_tests" else (80,):
                report = pathlib.Path(scratch) / f"{name}-{generation}.jsonl"
                run(program, report, f"{generation // 10}.{generation % 10}")
                for line in report.read_text().splitlines():
                    table.add(name, json.loads(line))
    verdict = table.complaints() or [f"{len(table.wanted)} kernels, all executed and compared with an oracle"]
    text = "\n".join([*table.text(), *verdict])
    pathlib.Path(written).write_text(text + "\n")
    print(text)
    return 1 if table.complaints() else 0


if __name__ == "__main__":
    sys.exit(main())
