# SPDX-License-Identifier: Apache-2.0
"""bnas_score, bnas_rank, the exports of a search and bnas_search compare as a user meets them."""
import argparse
import json
import os
import re
import shutil
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
        every = json.loads(self.score("--history", "h.csv", "--evaluate", "--json").stdout)
        self.assertEqual([s["surrogate"] for s in every["surrogates"]][:3], ["blend", "gp", "ridge"])
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


class Runs(Case):
    """What searches write for other programs, and comparing them."""

    def events(self, *names):
        """Scalars of an event file, by a reader of its own: {tag: {step: value}}."""
        with open(os.path.join(self.root, *names), "rb") as file:
            data = file.read()
        table = []
        for i in range(256):
            for _ in range(8):
                i = (i >> 1) ^ (0x82F63B78 if i & 1 else 0)
            table.append(i)

        def checked(part, stored):
            crc = 0xFFFFFFFF
            for byte in part:
                crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
            crc ^= 0xFFFFFFFF
            self.assertEqual(((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF, struct.unpack("<I", stored)[0])

        def fields(message):
            out, at = {}, 0

            def varint():
                nonlocal at
                value = shift = 0
                while True:
                    value |= (message[at] & 0x7F) << shift
                    shift, at = shift + 7, at + 1
                    if message[at - 1] < 0x80:
                        return value

            while at < len(message):
                key = varint()
                size = {0: None, 1: 8, 2: -1, 5: 4}[key & 7]
                if size is None:
                    out[key >> 3] = varint()
                    continue
                size = varint() if size == -1 else size
                out[key >> 3] = message[at:at + size]
                at += size
            return out

        scalars, first = {}, True
        while data:
            length = struct.unpack("<Q", data[:8])[0]
            checked(data[:8], data[8:12])
            event = data[12:12 + length]
            checked(event, data[12 + length:16 + length])
            data = data[16 + length:]
            event = fields(event)
            if first:
                self.assertEqual(event[3], b"brain.Event:2")
                first = False
                continue
            value = fields(fields(event[5])[1])
            scalars.setdefault(value[1].decode(), {})[event[2]] = struct.unpack("<f", value[2])[0]
        return scalars

    def test_a_search_writes_for_other_programs(self):
        done = self.search(*programs_test.TINY, "--run-dir", "a")
        self.assertEqual(done.returncode, 0, done.stderr)
        metrics = json.loads(self.read("a", "metrics.json"))
        self.assertEqual((metrics["trials"]["done"], len(metrics["best_so_far"])), (7, 7))
        self.assertIsNotNone(metrics["test_accuracy"])

        scores = self.read("a", "scores_2.csv").split("\r\n")
        self.assertEqual(scores.pop(), "")
        self.assertGreater(len(scores), 20)
        for line in scores:
            self.assertEqual(len(line.split(",")), 9)
        self.assertEqual(json.loads(self.run_program("bnas_rank", "a/scores_2.csv", "--json").stdout)["lines"],
                         len(scores))

        search = self.events("a", "events", "search", "events.out.tfevents.0000000000.bnas")
        history = [float(line.split(",")[0]) for line in self.read("a", "train_history.csv").split("\r\n")[:-1]]
        self.assertEqual(list(search["child/valid_accuracy"]), list(range(1, 8)))
        for found, wanted in zip(search["child/valid_accuracy"].values(), history):
            self.assertAlmostEqual(found, wanted, 6)
        self.assertAlmostEqual(search["best/valid_accuracy"][7], max(history), 6)
        self.assertEqual(list(search["child/predicted"]), [5, 6, 7])
        child = self.events("a", "events", "child-0003", "events.out.tfevents.0000000000.bnas")
        self.assertAlmostEqual(child["epoch/valid_accuracy"][1], history[2], 6)

        best = self.run_program("bnas_score", "a", "--top", "3")
        self.assertEqual((best.returncode, len(best.stdout.splitlines())), (0, 3), best.stderr)
        self.assertIn("cells of 3 blocks", self.run_program("bnas_score", "a", "--blocks", "3", "--top", "1").stderr)
        self.refused(2, ["a", "--operators", "linear,3x3 bconv"], "its operators are", program="bnas_score")

    def test_a_search_from_an_earlier_surrogate(self):
        self.assertEqual(self.search(*programs_test.TINY, "--run-dir", "a", "-q").returncode, 0)
        tiny = programs_test.once([*programs_test.TINY, "--seed", "2"])
        for name, extra in (("alone", []), ("from", ["--surrogate-from", "a"]),
                            ("file", ["--surrogate-from", "a/surrogate.json", "--workers", "1"])):
            done = self.search(*tiny, *extra, "--run-dir", name, "--json", "-q")
            self.assertEqual(done.returncode, 0, done.stderr)
        starts = [json.loads(line) for line in done.stdout.splitlines()]
        predicted = [event["predicted"] for event in starts if event["t"] == "child_start"]
        self.assertEqual(sum(p is not None for p in predicted), 7, "level 1 is predicted too")
        self.assertEqual(self.read("from", "train_history.csv"), self.read("file", "train_history.csv"))
        self.assertNotEqual(self.read("from", "scores_2.csv"), self.read("alone", "scores_2.csv"))
        cells = lambda run: {str(cell) for cell in json.loads(self.read(run, "surrogate.json"))["cells"]}
        self.assertEqual(cells("from"), cells("a") | cells("from"))
        self.assertGreater(len(cells("from")), 7)
        self.assertIn("knows 7 cells of", self.read("from", "logs", "search.log"))

        # The run keeps what it began with.
        shutil.rmtree(self.path("a"))
        self.assertEqual(self.search("resume", "from").returncode, 0)
        self.refused(66, [*tiny, "--surrogate-from", "a", "--run-dir", "b"], "a")
        for change, reason in ((["--operators", "3x3 bconv,linear"], "its operators are 3x3 bconv, 3x3 maxpool, linear"),
                               (["--blocks", "1"], "cells of up to 2 blocks, here blocks is 1"),
                               (["--combine", "concat"], '"combine":"add"'), (["--look-back", "1"], '"look_back":2'),
                               (["--strategy", "random"], "strategy random asks no surrogate")):
            self.refused(2, [*programs_test.once([*tiny, *change]), "--surrogate-from", "from", "--run-dir", "b"],
                         reason)
        record = json.loads(self.read("from", "surrogate.json"))
        for key, value, reason in (("encoding", "one-hot", 'encoded as "one-hot"'), ("cells", [], "one reward")):
            self.write("s.json", json.dumps({**record, key: value}))
            self.refused(65, [*tiny, "--surrogate-from", "s.json", "--run-dir", "b"], reason)
        self.write("s.json", json.dumps({**record, "cells": [], "rewards": []}))
        self.refused(2, [*tiny, "--surrogate-from", "s.json", "-n"], "has seen no cell yet")
        self.assertFalse(os.path.exists(self.path("b")))

    def test_halving_trains_shortly_first(self):
        done = self.search(*programs_test.once([*programs_test.TINY, "--epochs", "2", "--children", "4", "--halving",
                                                "2"]), "--warm-up", "--run-dir", "a")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(self.read("a", "metrics.json"))["trials"]["done"], 4 + 4 + 2)
        self.assertEqual(self.read("a", "train_history.csv").count("\n"), 4 + 2, "short trainings do not compare")
        self.assertEqual(len(json.loads(self.read("a", "surrogate.json"))["cells"]), 4 + 4)
        self.refused(2, [*programs_test.TINY, "--halving", "2"], "halving 2 needs at least 2, and as many epochs")

    def test_compare_takes_seeds_together(self):
        for name, extra in (("a", []), ("b", ["--seed", "2"]), ("c", ["--strategy", "evolution", "--population", "3",
                                                                       "--tournament", "2", "--generation", "2"]),
                            ("d", ["--strategy", "local-search"])):
            done = self.search(*programs_test.TINY, *extra, "--run-dir", name)
            self.assertEqual(done.returncode, 0, done.stderr)
        done = self.search("compare", "a", "b", "c", "d", "--svg", "x.svg", "--png", "x.png")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        rows = [re.split(r"  +", line.strip()) for line in done.stdout.splitlines()[:4]]
        self.assertEqual(rows[0], ["strategy", "seeds", "best of 2", "best of 4", "best of 7"])
        self.assertEqual([row[:2] for row in rows[1:]],
                         [["progressive", "2"], ["evolution", "1"], ["local-search", "1"]])
        self.assertIn(" +- ", rows[1][4])
        for line in done.stdout.splitlines():
            self.assertLessEqual(len(line), 80)
        self.assertIn("local-search", self.read("x.svg"))
        out = json.loads(self.search("compare", "a", "b", "--json").stdout)
        best = [json.loads(self.read(run, "metrics.json"))["best_so_far"] for run in "ab"]
        for i, mean in enumerate(out["groups"][0]["best"]):
            self.assertAlmostEqual(mean, (best[0][i] + best[1][i]) / 2, 12)

    def test_compare_refusals(self):
        self.refused(2, ["compare"], "compare needs run directories")
        self.refused(66, ["compare", "none"], "none holds no run")


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

    def test_files_of_many_lines(self):
        # Beyond 20,000 dots those that cannot be told apart are left out, and names are not written.
        lines = [f"0.{i * 7919 % 50:02d},{i % 2 - 2},a{i % 7},{i // 2 % 2 - 2},b{i // 4 % 11}\r\n" for i in range(60000)]
        self.write("scores_1.csv", "".join(lines))
        done = self.rank("scores_1.csv", "--each", "--top", "1", "--svg", "a.svg", "--png", "a.png")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("60000 lines, 60000 cells", done.stdout)
        svg = self.read("a.svg")
        self.assertTrue(30000 < svg.count("<circle") <= 802 * 50)
        self.assertNotIn("<title>", svg)
        self.assertEqual(json.loads(self.rank("scores_1.csv", "--json", "--top", "1").stdout)["cells"], 2 * 2 * 7 * 11)
        self.write("one.csv", "0.5,0,a,0,b\n")
        self.assertIn("1 line, 1 cell\n", self.rank("one.csv").stdout)
        self.write("head.csv", "reward,in1,op1,in2,op2\n0.5,0,a,0,b\n")
        self.refused(65, ["head.csv"], "head.csv:1: field 1 is 'reward'", "no line of headings", program="bnas_rank")

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
    parser.add_argument("group", choices=["score", "runs", "rank"])
    options = parser.parse_args()
    programs_test.BIN = os.path.abspath(options.bin)
    suite = unittest.defaultTestLoader.loadTestsFromTestCase({"score": Score, "runs": Runs, "rank": Rank}[options.group])
    sys.exit(not unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful())
