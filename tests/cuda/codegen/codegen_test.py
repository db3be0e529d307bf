#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of the gates themselves: what they read is compared with what ptxas prints, occupancies with the toolkit's own
calculation, and each gate with a planted kernel that it must refuse.

    codegen_test.py NVCC OCCUPANCY_ORACLE [unittest arguments]
"""
import dataclasses
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import cubin
import gates
import occupancy
import plan
import report

HERE = pathlib.Path(__file__).parent
ARCHITECTURES = (75, 80, 90, 120)
PROPERTIES = re.compile(r"Compiling entry function '(\w+)' for 'sm_(\d+)'.*?(\d+) bytes stack frame.*?"
                        r"Used (\d+) registers(?:, used \d+ barriers)?(?:, (\d+) bytes cumulative stack size)?"
                        r"(?:, (\d+) bytes smem)?", re.DOTALL)
NVCC = ORACLE = ""


def compile_planted(folder, *options):
    target = folder / "planted.o"
    codes = [f"-gencode=arch=compute_{a},code=[sm_{a},compute_{a}]" for a in ARCHITECTURES]
    call = [NVCC, "-std=c++20", "-maxrregcount=32", "-Xptxas=-v", *options, *codes, "-c", HERE / "planted.cu", "-o", target]
    return target, subprocess.run(call, check=True, capture_output=True, text=True).stderr


class Codegen(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.library, cls.ptxas = compile_planted(pathlib.Path(cls.folder.name), "--no-compress")
        cls.kernels, cls.embedded = cubin.read(cls.library)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def kernel(self, family, architecture):
        return next(k for k in self.kernels if k.family == family and k.architecture == architecture)

    def test_resources_are_those_that_ptxas_prints(self):
        printed = {(m[1], int(m[2])): (int(m[4]), int(m[6] or 0), int(m[3])) for m in PROPERTIES.finditer(self.ptxas)}
        self.assertEqual(len(printed), 6 * len(ARCHITECTURES))
        self.assertEqual({(k.symbol, k.architecture): (k.registers, k.shared, k.frame) for k in self.kernels}, printed)

    def test_names_and_launch_bounds(self):
        names = {k.name for k in self.kernels}
        self.assertIn("bnas::cuda::other_kernel<3, true>", names)
        self.assertIn("bnas::cuda::binary_conv2d_clean_kernel", names)
        self.assertEqual(self.kernel("binary_conv2d_clean_kernel", 90).max_threads, 128)
        self.assertIsNone(self.kernel("other_kernel", 90).max_threads)

    def test_opcodes_and_subroutines(self):
        for architecture in (75, 80, 90):
            native = self.kernel("binary_conv2d_bits_kernel", architecture)
            self.assertEqual((native.opcodes["BMMA"], native.opcodes["CALL"], native.subroutines), (1, 0, []))
        emulated = self.kernel("binary_conv2d_bits_kernel", 120)
        self.assertEqual((emulated.opcodes["BMMA"], emulated.opcodes["CALL"]), (0, 1))
        self.assertIn("mma_bit", emulated.subroutines[0])

    def test_hot_kernels_are_refused_for_local_memory_and_calls(self):
        for architecture in ARCHITECTURES:
            for family in ("binary_conv2d_spilling_kernel", "binary_conv2d_indexed_kernel"):
                self.assertIn("local memory", plan.violations(self.kernel(family, architecture))[0])
            self.assertEqual(plan.violations(self.kernel("binary_conv2d_clean_kernel", architecture)), [])
            self.assertEqual(plan.violations(self.kernel("other_kernel", architecture)), [])  # calls, but is not hot
        self.assertIn("calls __cuda_sm_10x_mma_bit", plan.violations(self.kernel("binary_conv2d_bits_kernel", 120))[0])

    def test_shuffles_and_votes_may_have_a_path_for_diverged_warps(self):
        kernel = dataclasses.replace(self.kernel("binary_conv2d_clean_kernel", 90))
        kernel.subroutines = ["__cuda_sm70_shflsync_bfly_p", "__cuda_sm70_votesync_ballot"]
        self.assertEqual(plan.violations(kernel), [])
        kernel.subroutines = ["__cuda_sm_9x_mma_bit_internal_xor_m16n8k256"]
        self.assertEqual(len(plan.violations(kernel)), 1)

    def test_divisions_are_excepted_where_the_plan_says_so(self):
        for divides in (False, True):
            rule = plan.Rule("other_", divides=divides)
            plan.HOT.insert(0, rule)
            self.addCleanup(plan.HOT.remove, rule)
            found = [c for k in self.kernels if k.family == "other_kernel" for c in plan.violations(k)]
            self.assertEqual(len(found), 0 if divides else len(ARCHITECTURES))  # one instance divides doubles

    def test_a_missing_instruction_is_named(self):
        rule = plan.Rule("binary_conv2d_clean", {90: "BMMA"})
        plan.HOT.insert(0, rule)
        self.addCleanup(plan.HOT.remove, rule)
        self.assertIn("no BMMA", plan.violations(self.kernel("binary_conv2d_clean_kernel", 90))[0])
        self.assertEqual(plan.violations(self.kernel("binary_conv2d_clean_kernel", 80)), [])

    def test_every_architecture_must_be_embedded(self):
        self.assertEqual(self.embedded, {"sm": set(ARCHITECTURES), "ptx": set(ARCHITECTURES)})
        missing = [c for c in gates.check(self.library, [75, 100]) if "lacks" in c]
        self.assertEqual(len(missing), 2)
        self.assertTrue(all("100" in c and "75" not in c.split("lacks")[1] for c in missing))

    def test_compressed_code_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            library, _ = compile_planted(pathlib.Path(folder), "--compress-mode=size")
            self.assertRaisesRegex(ValueError, "--no-compress", cubin.read, library)

    def test_occupancy_equals_the_toolkits(self):
        cases = [(a, threads, registers, shared) for a in occupancy.LIMITS for threads in (32, 64, 96, 128, 256, 1024)
                 for registers in (16, 32, 33, 40, 64, 65, 72, 128, 255) if threads * registers <= 65536
                 for shared in (0, 1, 4000, 24 << 10, 48 << 10)]
        lines = [f"{a} {occupancy.LIMITS[a].warps * 32} {occupancy.LIMITS[a].shared} {occupancy.LIMITS[a].reserved} "
                 f"{threads} {registers} {shared}" for a, threads, registers, shared in cases]
        oracle = subprocess.run([ORACLE], input="\n".join(lines), capture_output=True, text=True, check=True)
        for case, blocks in zip(cases, oracle.stdout.split(), strict=True):
            self.assertEqual(occupancy.blocks_per_sm(*case), int(blocks), case)

    def test_the_documents_table_is_compared(self):
        table = report.rows(self.kernels)
        text = "\n".join(["before", report.BEGIN, report.markdown(table), report.END, "after"])
        self.assertEqual(report.differences(table, text), [])
        more_registers = re.sub(r"\d+ regs", "7 regs", text)
        self.assertEqual(report.differences(table, more_registers), [])
        other_name = text.replace("other_kernel", "another_kernel")
        self.assertEqual(len(report.differences(table, other_name)), 2)
        share = re.search(r", (\d+) %", text)
        other_share = text.replace(share[0], f", {int(share[1]) - 1} %", 1)
        self.assertEqual(len(report.differences(table, other_share)), 1)


if __name__ == "__main__":
    NVCC, ORACLE = sys.argv[1:3]
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
