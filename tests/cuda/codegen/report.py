#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Registers, shared memory and occupancy of every kernel: the table of docs/kernels.md.

    report.py LIBRARY                            prints the table
    report.py LIBRARY --update docs/kernels.md   writes it there, between its markers
    report.py LIBRARY --check docs/kernels.md    fails when kernels or occupancies there are others
    report.py LIBRARY --csv FILE                 every instantiation, one a line

A family is one line: the most registers and shared memory and the least occupancy of its instantiations. Registers may
change with the compiler's patch version and are not compared.
"""
import argparse
import csv
import pathlib
import re
import sys

import cubin
import occupancy

BEGIN, END = "<!-- kernels: begin (tests/cuda/codegen/report.py --update) -->", "<!-- kernels: end -->"
DEFAULT_THREADS = 256  # of kernels without __launch_bounds__: kBlockThreads


def own(kernels):
    """Those of this project; CUB brings some of its own."""
    return [k for k in kernels if k.name.startswith("bnas::")]


def threads(kernel):
    return kernel.max_threads or DEFAULT_THREADS


def occupancy_of(kernel):
    return occupancy.occupancy(kernel.architecture, threads(kernel), kernel.registers, kernel.shared)


def rows(kernels):
    """{family: {architecture: text of the cell}}, with the number of instantiations and threads under 'head'."""
    table = {}
    for family in sorted({k.family for k in kernels}):
        members = [k for k in kernels if k.family == family]
        sizes = sorted({threads(k) for k in members})
        text = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]}-{sizes[-1]}"
        table[family] = {"head": (len({k.symbol for k in members}), text)}
        for architecture in sorted({k.architecture for k in members}):
            here = [k for k in members if k.architecture == architecture]
            table[family][architecture] = (f"{max(k.registers for k in here)} regs, {max(k.shared for k in here)} B, "
                                           f"{100 * min(map(occupancy_of, here)):.0f} %")
    return table


def markdown(table):
    architectures = sorted({a for row in table.values() for a in row if a != "head"})
    lines = ["| kernel | instances | threads | " + " | ".join(f"sm_{a}" for a in architectures) + " |",
             "|---|---|---|" + "---|" * len(architectures)]
    for family, row in table.items():
        cells = [row.get(a, "") for a in architectures]
        lines.append(f"| `{family}` | {row['head'][0]} | {row['head'][1]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def documented(text):
    """Reads the table back: {family: {architecture: occupancy}}."""
    section = text[text.index(BEGIN):text.index(END)]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if "|" in line]
    if not lines:
        return {}
    architectures = [int(cell.removeprefix("sm_")) for cell in lines[0][3:]]
    found = {}
    for line in lines[2:]:
        shares = [re.search(r"(\d+) %", cell) for cell in line[3:]]
        found[line[0].strip("`")] = {a: int(s[1]) for a, s in zip(architectures, shares) if s}
    return found


def differences(table, text):
    """What the table in the document says otherwise, for the architectures that this build has."""
    now = documented("\n".join([BEGIN, markdown(table), END]))
    then = documented(text)
    wrong = [f"{family}: not in the document" for family in now.keys() - then.keys()]
    wrong += [f"{family}: in the document, not in the library" for family in then.keys() - now.keys()]
    for family in now.keys() & then.keys():
        for architecture, share in now[family].items():
            said = then[family].get(architecture)
            if said != share:
                wrong.append(f"{family} on sm_{architecture}: occupancy {share} %, the document says {said} %")
    return sorted(wrong)


def write_csv(path, kernels):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["kernel", "architecture", "threads", "registers", "shared_bytes", "local_bytes", "blocks_per_sm",
                         "occupancy", "instructions", "subroutines"])
        for k in kernels:
            blocks = occupancy.blocks_per_sm(k.architecture, threads(k), k.registers, k.shared)
            writer.writerow([k.name, k.architecture, threads(k), k.registers, k.shared, k.frame, blocks,
                             f"{occupancy_of(k):.3f}", k.opcodes.total(), " ".join(k.subroutines)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=pathlib.Path)
    parser.add_argument("--update", type=pathlib.Path)
    parser.add_argument("--check", type=pathlib.Path)
    parser.add_argument("--csv", type=pathlib.Path)
    options = parser.parse_args()
    kernels = own(cubin.read(options.library)[0])
    table = rows(kernels)
    if options.csv:
        write_csv(options.csv, kernels)
    if options.update:
        text = options.update.read_text()
        start, end = text.index(BEGIN) + len(BEGIN), text.index(END)
        options.update.write_text(text[:start] + "\n" + markdown(table) + "\n" + text[end:])
    if options.check:
        wrong = differences(table, options.check.read_text())
        if wrong:
            print("\n".join(wrong), file=sys.stderr)
            print(f"To renew it, built for all architectures: {sys.argv[0]} {options.library} --update {options.check}",
                  file=sys.stderr)
        return 1 if wrong else 0
    if not (options.update or options.csv):
        print(markdown(table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
