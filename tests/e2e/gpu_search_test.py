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

    def run_with_fault(self, name, fault, *flags, **environment):
        """A search with two children at once into which the emulator injects a fault; its exit code and messages."""
        run = self.root / name
        done = subprocess.run([PROGRAM, self.root / "search.toml", "--run-dir", run, "--device", "cuda", "--workers",
                               "2", *flags], capture_output=True, text=True, timeout=300,
                              env={**os.environ, "BNAS_EMU_FAULT": fault, **environment})
        log = run / "logs" / "search.log"
        return done.returncode, done.stderr + (log.read_text() if log.exists() else "")

    def results(self, name):
        return tuple((self.root / name / file).read_text() for file in ("architectures.txt", "train_history.csv"))

    def need_emulator(self):
        if not os.environ.get("LD_LIBRARY_PATH", "").endswith("emulator"):
            self.skipTest("faults are injected by the emulator")

    def test_a_fault_of_the_device_changes_nothing(self):
        """Another worker process goes on from the checkpoints. Kernels are replayed by the hundred, calls made by the
        thousand: each fault hits a child in the middle."""
        self.need_emulator()
        expected = self.search("undisturbed", "--device", "cuda", "--workers", "2")
        for fault in ("illegal_address:nth=300", "launch_failure:nth=700", "unknown:nth=2000", "hang:nth=500",
                      "oom:nth=60"):
            with self.subTest(fault=fault):
                kind = fault.split(":")[0]
                code, text = self.run_with_fault(kind, f"{fault},once={self.root / kind}.mark", "--hang-seconds", "5")
                self.assertEqual(code, 0, text[-3000:])
                self.assertIn("trying again alone" if kind == "oom" else "going on from its checkpoint", text)
                self.assertEqual(self.results(kind), expected)

    def test_a_lost_device_ends_the_search_resumable_or_leaves_it_to_the_others(self):
        self.need_emulator()
        expected = self.search("undisturbed", "--device", "cuda", "--workers", "2")
        for fault in ("ecc:nth=2000", "device_lost:nth=2000"):
            with self.subTest(fault=fault):
                kind = fault.split(":")[0]
                code, text = self.run_with_fault(kind, fault)
                self.assertEqual(code, 75, text[-3000:])
                self.assertIn(f"bnas_search resume {self.root / kind}", text)
                done = subprocess.run([PROGRAM, "resume", self.root / kind], capture_output=True, text=True, timeout=300)
                self.assertEqual(done.returncode, 0, done.stderr[-3000:])
                self.assertEqual(self.results(kind), expected)
                code, text = self.run_with_fault(kind + "2", f"{fault},once={self.root / kind}.mark",
                                                 BNAS_EMU_DEVICES="2")
                self.assertEqual(code, 0, text[-3000:])
                self.assertEqual(self.results(kind + "2"), expected)
                self.assertTrue((self.root / (kind + "2") / "logs" / "worker-cuda-1.log").exists())

    def test_a_child_whose_kernel_faults_fails_alone(self):
        """Of four children at once one uses the depthwise kernel, which faults each time."""
        self.need_emulator()
        flags = ("--device", "cuda", "--workers", "4", "--blocks", "1")
        undisturbed = self.search("undisturbed", *flags)[1].splitlines()
        run = self.root / "poisoned"
        done = subprocess.run([PROGRAM, self.root / "search.toml", "--run-dir", run, *flags], capture_output=True,
                              text=True, timeout=300,
                              env={**os.environ, "BNAS_EMU_FAULT": "illegal_address:kernel=depthwise,nth=2,always"})
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        found = (run / "train_history.csv").read_text().splitlines()
        self.assertEqual(len(undisturbed), 4)
        self.assertEqual(found, undisturbed[:1] + undisturbed[2:])  # a failed child is no row
        log = (run / "logs" / "search.log").read_text()
        self.assertRegex(log, r"child 2 failed: .*kernel fault.*cudaErrorIllegalAddress.*compute-sanitizer")
        self.assertNotRegex(log, r"child [134] failed")

    def test_in_threads_a_fault_ends_the_process(self):
        self.need_emulator()
        code, text = self.run_with_fault("threads", "illegal_address:nth=300", "--isolation", "thread")
        self.assertEqual(code, 75, text[-3000:])
        self.assertIn(f"bnas_search resume {self.root / 'threads'}", text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
