#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Whole differentiable searches with the built program: every strategy ends with a genotype; kills, signals and a used-up
time budget change nothing.

    differentiable_e2e_test.py BNAS_SEARCH [unittest arguments]
"""
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = ""
KILLS = 6
TINY = [
    "--dataset=synthetic", "--synthetic-images=120", "--max-train-images=64", "--valid-images=20", "--cells=3",
    "--channels=4", "--batch-size=16", "--trial-batch-size=16", "--recalibration-batches=1", "--seed=3",
]
BNAS = ["--strategy=bnas", "--warmup-epochs=2", "--reduction-trials=1", "--reduction-epochs=1"]
RESULTS = ["best/genotype.txt", "best/genotype.dot", "best/genotype.svg", "decisions.jsonl"]


def tiny(*extra):
    """The tiny search; `extra` replaces flags of the same name."""
    names = {flag.split("=")[0] for flag in extra}
    return [*(flag for flag in TINY if flag.split("=")[0] not in names), *extra]


def search(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=300)


def results(run):
    return {name: (run / name).read_bytes() for name in RESULTS}


class DifferentiableSearch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="bnas-supernet-"))
        start = time.monotonic()
        done = search(*TINY, *BNAS, "--run-dir", cls.root / "reference", "--json")
        cls.seconds = time.monotonic() - start
        assert done.returncode == 0, done.stderr
        cls.events = [json.loads(line) for line in done.stdout.splitlines()]
        cls.reference = results(cls.root / "reference")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.root)

    def test_the_ledger_is_that_of_algorithm_1(self):
        """K = 8 to 2: ceil(K / 2) trials each, T = 1; L + 7 V epochs of the supernet."""
        kinds = [event["t"] for event in self.events]
        self.assertEqual(kinds.count("trial"), 4 + 4 + 3 + 3 + 2 + 2 + 1)
        self.assertEqual(kinds.count("epoch"), 2 + 7)
        self.assertEqual(kinds.count("removal"), 7)
        self.assertEqual(kinds[-1], "run_end")
        done = search("status", self.root / "reference", "--json")
        status = json.loads(done.stdout)
        self.assertEqual((status["state"], status["progress"]), ("complete", [28, 28]))
        self.assertEqual(status["genotype"], self.reference["best/genotype.txt"].decode().strip())
        text = search("status", self.root / "reference").stdout
        self.assertIn("epochs    28 of 28", text)
        self.assertIn("Reduction cell", text)
        self.assertTrue(all(len(line) <= 80 for line in text.splitlines()[1:]), text)

    def test_a_prediction_says_that_it_guesses(self):
        done = search(*TINY, *BNAS, "--dry-run", "--json")
        guess = json.loads(done.stdout)
        self.assertEqual((guess["supernet_epochs"], guess["trial_epochs"]), (9, 19))
        self.assertGreater(guess["seconds"], 0)
        self.assertGreater(guess["memory_bytes"], 1e6)
        self.assertIn("guessed", search(*TINY, *BNAS, "--dry-run").stdout)

    def test_every_strategy_ends_with_a_genotype(self):
        """The same one when it is killed on the way."""
        short = {"bnas": ["--reduction=alpha", "--warmup-epochs=1", "--weight-optimizer=pcnn"],
                 "cp-nas": ["--reduction=alpha", "--warmup-epochs=1", "--op-set=group-shuffle"],
                 "abandit": ["--reduction=alpha", "--warmup-epochs=1", "--op-set=dense-1bit", "--binarization=W1A1"],
                 "pc-darts": ["--warmup-epochs=2", "--frozen-epochs=1", "--channels=8"], "darts": ["--warmup-epochs=1"]}
        found = {}
        for strategy, flags in short.items():
            with self.subTest(strategy=strategy):
                run, killed = self.root / strategy, self.root / f"{strategy}-killed"
                arguments = tiny(f"--strategy={strategy}", *flags)
                start = time.monotonic()
                done = search(*arguments, "--run-dir", run)
                took = time.monotonic() - start
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("Reduction cell", done.stdout)
                self.assertTrue(all(len(line) <= 80 for line in done.stdout.splitlines() if str(self.root) not in line))
                found[strategy] = (run / "best" / "genotype.txt").read_text()
                process = subprocess.Popen([PROGRAM, *arguments, "--checkpoint-seconds=0.1", f"--run-dir={killed}"],
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(0.6 * took)
                process.kill()
                process.wait()
                begun = (killed / "run.sqlite").exists()
                done = search(*(["resume", killed] if begun else [*arguments, "--run-dir", killed]))
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(results(killed), results(run))
        self.assertEqual(len(found), len(short))

    def test_killed_at_random_moments(self):
        generator = random.Random(1)
        run = self.root / "killed"
        arguments = [PROGRAM, *TINY, *BNAS, f"--run-dir={run}"]
        for _ in range(KILLS):
            process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(generator.uniform(0.3, 0.3 + self.seconds / KILLS))
            process.kill()
            process.wait()
            if (run / "run.sqlite").exists():
                arguments = [PROGRAM, "resume", str(run)]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(results(run), self.reference)

    def test_stops_on_request_and_goes_on(self):
        run = self.root / "stopped"
        process = subprocess.Popen([PROGRAM, *TINY, *BNAS, f"--run-dir={run}"], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        time.sleep(self.seconds / 3)
        process.send_signal(signal.SIGINT)
        message = process.communicate(timeout=60)[1]
        self.assertEqual(process.returncode, 130, message)
        self.assertIn(f"bnas_search resume {run}", message)
        done = search("resume", run, "--time-budget", "1s")
        if done.returncode != 0:
            self.assertEqual(done.returncode, 75, done.stderr)
            self.assertIn("--time-budget 0", done.stderr)
            self.assertEqual(search("resume", run).returncode, 0)
        self.assertEqual(results(run), self.reference)
        again = search("resume", run)  # a finished search says the same again
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual(results(run), self.reference)

    def test_refuses_what_cannot_work(self):
        for flags, text in ((["--surrogate-kind=lstm"], "does not read surrogate.kind"), (["--isolation=process"], "in this process"),
                            (["--warmup-epochs=1.5"], "whole number"), (["--batch-size=4000"], "smaller batches"),
                            (["--channel-ratio=3"], "channel_ratio"),
                            (["--parent-weight=1"], "parent_weight counts only with score parent-child"),
                            (["--pcnn-form=scalar"], "weight_optimizer pcnn"),
                            (["--weight-optimizer=pcnn", "--binarization=W32A32"], "binary weights"),
                            (["--zeroise-factor=3"], "zeroise"), (["--entropy-decay=1"], "entropy_weight"),
                            (["--reduction=alpha", "--reduction-trials=2"], "a reduction by trials")):
            done = search(*tiny("--strategy=bnas", *flags), "--run-dir", self.root / "refused")
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(text, done.stderr)
            self.assertFalse((self.root / "refused").exists())
        file = self.root / "idle.toml"
        for text, code in (("nesterov = true", 2), ("nesterov = false", 0), ("augment_flip = true", 0)):
            file.write_text(text)
            done = search(file, *tiny("--strategy=bnas"), "--dry-run")
            self.assertEqual(done.returncode, code, done.stderr)
        programs = pathlib.Path(PROGRAM).parent
        for command in ([PROGRAM, "compare"], [programs / "bnas_rank"], [programs / "bnas_score"]):
            done = subprocess.run([*command, self.root / "reference"], capture_output=True, text=True)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("trains one supernet and no children", done.stderr)
        done = search("resume", self.root / "reference", "--reduction-trials", "2")
        self.assertEqual(done.returncode, 2)
        self.assertIn("reduction_trials", done.stderr)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
