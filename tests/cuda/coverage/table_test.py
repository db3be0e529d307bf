#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The table of kernels refuses what is planted: a kernel that never ran, and one that no suite with an oracle ran."""
import unittest

from coverage_test import Table


def entry(kernel, note):
    return {"kernel": f"void bnas::cuda::{kernel}<float>(int)", "note": note, "launches": 2, "warp_instructions": 7}


class TableTest(unittest.TestCase):
    def test_oracles_of_all_programs_are_listed(self):
        table = Table({"fill_kernel"})
        table.add("cuda_tests", entry("fill_kernel", ""))
        table.add("cuda_tests", entry("fill_kernel", "the value"))
        table.add("op_tests", entry("fill_kernel", "formula"))
        self.assertEqual(table.complaints(), [])
        row = list(table.text())[1]
        self.assertEqual(row.split()[:3], ["fill_kernel", "6", "21"])
        self.assertTrue(row.endswith("formula (op_tests), the value (cuda_tests)"), row)

    def test_what_is_not_executed_or_not_compared_is_refused(self):
        table = Table({"fill_kernel", "map_kernel", "sign_kernel"})
        table.add("cuda_tests", entry("fill_kernel", "the value"))
        table.add("cuda_tests", entry("sign_kernel", ""))
        self.assertEqual(table.complaints(), ["never executed: map_kernel", "compared with no oracle: sign_kernel"])


if __name__ == "__main__":
    unittest.main()
