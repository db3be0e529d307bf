# SPDX-License-Identifier: Apache-2.0
"""bnas_score and bnas_rank as a user meets them."""
import argparse
import json
import os
import re
import struct
import sys
import unittest

import programs_test
from programs_test import Case

# Two runs of three operations; the second repeats cells of the first.
HISTORY = "".join(line + "\r\n" for line in [
    "0.20,0,linear,0,linear", "0.40,0,linear,0,3x3 conv", "0.60,0,3x3 conv,0,3x3 conv", "0.30,0,linear,0,max pool",
    "0.25,0,max pool,0,max pool", "0.45,0,max pool,0,3x3 conv",
    "0.50,0,linear,0,3x3 conv,0,3x3 conv,0,3x3 conv", "0.30,0,linear,0,linear,0,linear,0,3x3 conv",
    "0.62,0,3x3 conv,0,3x3 conv,0,3x3 conv,0,3x3 conv", "0.22,0,linear,0,linear,0,linear,0,linear",
    "0.50,0,3x3 conv,0,linear", "0.61,0,3x3 conv,0,3x3 conv"])


class Score(Case):
    def score(self, *arguments):
        return self.run_program("bnas_score", *arguments)

    def test_evaluates_every_surrogate(self):
        self.write("h.csv", HISTORY)
        done = self.score("--history", "h.csv", "--evaluate", "--surrogate", "blend,ridge,mlp-pairwise")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("12 cells of 2 runs, 3 operations, flat space", done.stdout)
        for name in ("blend", "ridge", "mlp-pairwise"):
            self.assertRegex(done.stdout, name + r" +(0|1|-0)\.\d{3}")
        out = json.loads(self.score("--history", "h.csv", "--evaluate", "--surrogate", "ridge", "--json").stdout)
        self.assertEqual(out["surrogates"][0]["levels"][0]["seen"], 8)
        self.assertGreater(out["surrogates"][0]["spearman"], 0.9)

    def test_scores_all_cells_of_any_size(self):
        self.write("h.csv", HISTORY)
        done = self.score("--history", "h.csv", "--blocks", "3")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = done.stdout.splitlines()
        self.assertEqual(len(rows), 6 + 15 + 28)  # multisets of 2, 4 and 6 of 3 operations
        self.assertTrue(all(re.fullmatch(r"\d(\.\d+)?(e-\d+)?(,0,(linear|3x3 conv|max pool)){2,6}", r) for r in rows))
        best = self.score("--history", "h.csv", "--blocks", "3", "--top", "5").stdout.splitlines()
        ranked = sorted(rows, key=lambda row: -float(row.split(",")[0]))
        self.assertEqual([row.split(",")[0] for row in best], [row.split(",")[0] for row in ranked[:5]])
        exact = self.score("--history", "h.csv", "--blocks", "3", "--exactly").stdout.splitlines()
        self.assertEqual(exact, rows[-28:])

    def test_refusals(self):
        self.write("h.csv", HISTORY)
        self.write("bad.csv", HISTORY + "0.5,0,linear,0\r\n")
        self.write("percent.csv", "61.5,0,a,0,a\n")
        self.refused(2, [], "either a run directory or --history", program="bnas_score")
        self.refused(65, ["--history", "bad.csv"], "bad.csv:13: 4 fields", program="bnas_score")
        self.refused(65, ["--history", "percent.csv"], "61.5 is no accuracy between 0 and 1", program="bnas_score")
        self.refused(66, ["--history", "none.csv"], "none.csv", program="bnas_score")
        self.refused(66, ["."], "surrogate.json is not there", program="bnas_score")
        self.refused(2, ["--history", "h.csv", "--operators", "linear,3x3 conv"],
                     "its operators are linear, 3x3 conv, max pool, here they are linear, 3x3 conv",
                     program="bnas_score")
        self.refused(2, ["--history", "h.csv", "--blocks", "1"], "cells of up to 2 blocks", program="bnas_score")
        self.refused(2, ["--history", "h.csv", "--surrogate", "mpl"], "did you mean 'mlp'?", program="bnas_score")


class Rank(Case):
    def rank(self, *arguments):
        return self.run_program("bnas_rank", *arguments)

    def test_best_cells_with_repeats(self):
        self.write("h.csv", HISTORY)
        done = self.rank("h.csv", "--top", "2")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, "12 lines, 10 cells\n\n"
                         "rank    value      +-  lines  blocks  first line\n"
                         "   1  62.00 %              1       2           9\n"
                         "      [0, '3x3 conv', 0, '3x3 conv', 0, '3x3 conv', 0, '3x3 conv']\n"
                         "   2  60.50 %  0.71 %      2       1           3\n"
                         "      [0, '3x3 conv', 0, '3x3 conv']\n")
        out = json.loads(self.rank("h.csv", "--json", "--each", "--top", "0").stdout)
        self.assertEqual((out["lines"], len(out["ranked"])), (12, 12))
        self.assertEqual(out["ranked"][0]["value"], 0.62)

    def test_80_columns(self):
        self.write("h.csv", HISTORY)
        for line in self.rank("h.csv", "--plot").stdout.splitlines():
            self.assertLessEqual(len(line), 80)

    def test_patterns_put_the_history_first(self):
        for name in ("a.csv", "train_history.csv", "z.csv"):
            self.write(name, HISTORY)
        out = json.loads(self.rank("*.csv", "--json").stdout)
        self.assertEqual(out["files"], ["train_history.csv", "a.csv", "z.csv"])
        self.assertEqual(out["lines"], 36)
        os.mkdir(self.path("run"))
        os.rename(self.path("z.csv"), self.path("run/train_history.csv"))
        self.assertEqual(json.loads(self.rank("run", "--json").stdout)["files"], ["run/train_history.csv"])

    def test_drawings(self):
        self.write("h.csv", HISTORY)
        self.assertEqual(self.rank("h.csv", "--svg", "a.svg", "--png", "a.png", "--sort").returncode, 0)
        svg = self.read("a.svg")
        self.assertEqual(svg.count("<circle"), 10)
        self.assertIn("62.00 % [0, ", svg)
        with open(self.path("a.png"), "rb") as file:
            head = file.read(24)
        self.assertEqual(head[:8], b"\x89PNG\r\n\x1a\n")
        self.assertEqual(struct.unpack(">II", head[16:]), (1200, 750))

    def test_colors(self):
        self.write("h.csv", HISTORY)
        self.environment["CLICOLOR_FORCE"] = "1"
        self.assertIn("\033[38;5;", self.rank("h.csv", "--plot").stdout)
        self.assertNotIn("\033", self.rank("h.csv", "--plot", "--no-color").stdout)

    def test_refusals(self):
        self.write("empty.csv", "\r\n")
        self.write("h.csv", HISTORY)
        self.refused(2, [], "give a history", program="bnas_rank")
        self.refused(66, ["*.tsv"], "no file matches", program="bnas_rank")
        self.refused(66, ["none.csv"], "none.csv", program="bnas_rank")
        self.refused(66, ["."], "no train_history.csv", program="bnas_rank")
        self.refused(65, ["empty.csv"], "holds no cell", program="bnas_rank")
        self.refused(74, ["h.csv", "--svg", "no/such/folder.svg"], "no/such", program="bnas_rank")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("group", choices=["score", "rank"])
    options = parser.parse_args()
    programs_test.BIN = os.path.abspath(options.bin)
    suite = unittest.defaultTestLoader.loadTestsFromTestCase({"score": Score, "rank": Rank}[options.group])
    sys.exit(not unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful())
