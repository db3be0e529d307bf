#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whole searches with --device cuda: the genotypes of the CPU, and the same history for any number of children at once
and any order in which the device may run what is enqueued. On the emulator every launch is also checked for accesses out
of bounds, uninitialized reads and missing dependencies: a finding ends the program with 99."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv.pop(1)
ORDERS = 20  # adversarial orders of streams, warps and blocks

# Every kind of layer of the default operators, small enough for seconds on the emulator.
CONFIG = """
dataset = "synthetic"
max_train_images = 24
valid_images = 16
space = "pnas"
operators = ["3x3 bconv", "3x3 sep-bconv", "3x3 maxpool"]
blocks = 2
cells = 1
filters = [4]
stem_stride = 4
dense = [10]
first_level_max = 4
children = 3
epochs = 2
batch_size = 8
surrogate = { kind = "ridge" }
"""


class GpuSearch(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="bnas-gpu-")
        self.addCleanup(self.scratch.cleanup)
        self.root = pathlib.Path(self.scratch.name)
        (self.root / "search.toml").write_text(CONFIG)

    def search(self, name, *flags, **environment):
        """Runs a search; its architectures and history as text."""
        run = self.root / name
        done = subprocess.run([PROGRAM, self.root / "search.toml", "--run-dir", run, *flags], capture_output=True,
                              text=True, env={**os.environ, **environment}, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        return tuple((run / file).read_text() for file in ("architectures.txt", "train_history.csv"))

    def test_genotypes_are_those_of_the_cpu(self):
        """Integers of the forward pass are equal, gradients only nearly so: accuracies may differ, the cells may not."""
        cells = [[line for line in self.search(device, "--device", device)[0].splitlines() if line.startswith("Arch")]
                 for device in ("cpu", "cuda")]
        self.assertEqual(len(cells[0]), 7)  # four of one block, three of two
        self.assertEqual(cells[0], cells[1])

    def test_neither_concurrency_nor_order_changes_the_history(self):
        expected = self.search("first", "--device", "cuda", "--workers", "1")
        for seed in range(1, ORDERS + 1):
            with self.subTest(seed=seed):
                workers = "4" if seed % 2 else "1"
                run = self.search(f"order{seed}", "--device", "cuda", "--workers", workers, BNAS_EMU_SEED=str(seed),
                                  BNAS_EMU_BLOCK_SEED=str(seed))
                self.assertEqual(run, expected)

    def test_a_fault_of_the_device_loses_nothing(self):
        """The process leaves with 75; another one goes on from there. Faults are injected by the emulator alone."""
        if not os.environ.get("LD_LIBRARY_PATH", "").endswith("emulator"):
            self.skipTest("needs the emulator")
        expected = self.search("undisturbed", "--device", "cuda", "--workers", "2")
        # Kernels are replayed by the hundred, calls made by the thousand: each hits a child in the middle.
        for fault in ("illegal_address:nth=300", "launch_failure:nth=700", "ecc:nth=2000", "device_lost:nth=2000"):
            with self.subTest(fault=fault):
                run = self.root / fault.split(":")[0]
                command = [PROGRAM, self.root / "search.toml", "--run-dir", run, "--device", "cuda", "--workers", "2"]
                done = subprocess.run(command, capture_output=True, text=True, timeout=300,
                                      env={**os.environ, "BNAS_EMU_FAULT": fault})
                self.assertEqual(done.returncode, 75, done.stderr[-3000:])
                self.assertIn(f"bnas_search resume {run}", done.stderr)
                done = subprocess.run([PROGRAM, "resume", run], capture_output=True, text=True, timeout=300)
                self.assertEqual(done.returncode, 0, done.stderr[-3000:])
                found = tuple((run / file).read_text() for file in ("architectures.txt", "train_history.csv"))
                self.assertEqual(found, expected)


if __name__ == "__main__":
    unittest.main(verbosity=2)
