#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""From a differentiable search to a trained network with the built programs: the genotype of a run, one that is given,
kills, pictures of 224 pixels, and mistakes.

    evaluation_e2e_test.py BIN_DIRECTORY [unittest arguments]
"""
import csv
import json
import math
import pathlib
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zlib

BIN = pathlib.Path()
DATA = ["--dataset=synthetic", "--synthetic-images=120", "--valid-images=20"]
SEARCH = [*DATA, "--strategy=bnas", "--reduction=alpha", "--warmup-epochs=1", "--cells=3", "--channels=4",
          "--batch-size=16", "--trial-batch-size=16", "--max-train-images=64", "--seed=3"]
TINY = ["--epochs=3", "--batch-size=16", "--evaluation-cells=3", "--evaluation-channels=4"]
GENOTYPE = ("normal[sep_conv_3x3(1)+skip_connect(0)|max_pool_3x3(0)+dil_conv_3x3(1)|sep_conv_5x5(0)+avg_pool_3x3(2)|"
            "dil_conv_5x5(1)] reduce[sep_conv_5x5(1)+max_pool_3x3(0)|skip_connect(1)|skip_connect(0)|sep_conv_3x3(2)]")
RESULTS = ["curve.csv", "best/latent.safetensors", "best/weights.safetensors", "best/last-latent.safetensors"]
KILLS = 4


def run(program, *arguments):
    return subprocess.run([BIN / program, *map(str, arguments)], capture_output=True, text=True, timeout=600,
                          stdin=subprocess.DEVNULL)


def results(directory):
    return {name: (directory / name).read_bytes() for name in RESULTS}


def png(side, pixel):
    """A picture of side x side pixels (r, g, b) = pixel(y, x)."""
    rows = b"".join(b"\0" + bytes(v for x in range(side) for v in pixel(y, x)) for y in range(side))

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


class Evaluation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="bnas-evaluation-"))
        cls.search = cls.root / "search"
        done = run("bnas_search", *SEARCH, "--run-dir", cls.search)
        assert done.returncode == 0, done.stderr
        cls.found = (cls.search / "best" / "genotype.txt").read_text().strip()
        start = time.monotonic()
        done = run("bnas_train", "--best", cls.search, *TINY, "--run-dir", cls.root / "best")
        cls.seconds = time.monotonic() - start
        assert done.returncode == 0, done.stderr
        cls.shown = done.stdout

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.root)

    def config(self, *arguments):
        done = run("bnas_train", *arguments, "--print-config")
        self.assertEqual(done.returncode, 0, done.stderr)
        plain = done.stdout.split("\n[")[0]  # keys of tables may have the same names
        return dict(re.findall(r"^([a-z_0-9]+) = (.*?)  # ", plain, re.M))

    def refused(self, code, text, *arguments):
        done = run("bnas_train", *arguments, "--run-dir", self.root / "refused")
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(text, done.stderr)
        self.assertFalse((self.root / "refused").exists())

    def test_what_a_search_found_is_trained(self):
        for part in ("Cell        normal[", "Validation  ", "95 % interval", "30 images, measured once", "best/weights"):
            self.assertIn(part, self.shown)
        self.assertEqual((self.root / "best" / "best" / "architecture.txt").read_text().strip(), self.found)
        rows = list(csv.DictReader((self.root / "best" / "curve.csv").read_text().splitlines()))
        self.assertEqual([row["epoch"] for row in rows], ["1", "2", "3"])
        self.assertAlmostEqual(float(rows[0]["learning_rate"]), 0.025, places=6)
        self.assertTrue(all(0 <= float(row["valid_accuracy"]) <= 1 for row in rows))
        status = json.loads(run("bnas_search", "status", self.root / "best", "--json").stdout)
        self.assertEqual(status["best"]["architecture"], self.found)
        self.assertEqual(run("bnas_train", "--resume", self.root / "best").stdout, self.shown)

    def test_the_settings_are_those_of_the_publication(self):
        config = self.config("--best", self.search)
        self.assertEqual(config["genotype"], f'"{self.found}"')
        for key, value in {"epochs": "600", "batch_size": "96", "lr_start": "0.025", "lr_end": "0.0", "drop_path": "0.3",
                           "schedule": '"cosine"', "optimizer": '"sgd"', "weight_decay": "0.0003", "grad_clip": "5.0",
                           "momentum": "0.9", "evaluation_cells": "20", "evaluation_channels": "36",
                           "auxiliary": "true", "auxiliary_weight": "0.4", "augment_cutout": "0", "binarization": '"W1A32"', "seed": "3", "synthetic_images": "120",
                           "max_train_images": "0"}.items():
            self.assertEqual(config[key], value, key)
        config = self.config("--best", self.search, "--dataset=cifar-10")
        for key, value in {"augment_cutout": "16", "augment_shift": "4", "augment_flip": "true"}.items():
            self.assertEqual(config[key], value, key)
        config = self.config("--best", self.search, "--binarization=W1A1", "--weight-optimizer=pcnn")
        self.assertEqual((config["binarization"], config["weight_optimizer"]), ('"W1A1"', '"pcnn"'))
        config = self.config("--best", self.search, "--evaluation=imagenet")
        for key, value in {"epochs": "250", "batch_size": "512", "lr_start": "0.05", "evaluation_cells": "14",
                           "evaluation_channels": "64", "label_smoothing": "0.1", "drop_path": "0.0",
                           "warmup_epochs": "5.0", "weight_decay": "3e-05", "image_side": "224",
                           "augment_cutout": "0", "augment_brightness": "40", "augment_contrast": "40",
                           "augment_saturation": "40", "augment_hue": "20", "augment_flip": "true"}.items():
            self.assertEqual(config[key], value, key)
        config = self.config(*DATA, "--strategy=pc-darts", f"--genotype={GENOTYPE}", "--evaluation=imagenet")
        for key, value in {"evaluation_channels": "48", "batch_size": "1024", "lr_start": "0.5",
                           "schedule": '"linear"', "binarization": '"W32A32"'}.items():
            self.assertEqual(config[key], value, key)

    def test_killed_at_random_moments_it_is_the_same(self):
        generator = random.Random(1)
        directory = self.root / "killed"
        arguments = ["--best", self.search, *TINY, f"--run-dir={directory}", "--checkpoint-seconds=0.1"]
        for _ in range(KILLS):
            process = subprocess.Popen([BIN / "bnas_train", *map(str, arguments)], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            time.sleep(generator.uniform(0.1, 0.1 + self.seconds / KILLS))
            process.kill()
            process.wait()
            if (directory / "run.sqlite").exists():
                arguments = ["--resume", directory, "--checkpoint-seconds=0.1"]
        done = run("bnas_train", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(results(directory), results(self.root / "best"))

    def test_a_given_genotype_for_the_final_figure(self):
        directory = self.root / "given"
        file = self.root / "genotype.txt"
        file.write_text(GENOTYPE + "\n")
        tiny = [flag for flag in TINY if not flag.startswith("--epochs")]
        done = run("bnas_train", *DATA, *tiny, "--strategy=darts", "--genotype", file, "--binarization=W1A1",
                   "--weight-optimizer=pcnn", "--label-smoothing=0.1", "--no-auxiliary", "--no-hold-out", "--repeats=2",
                   "--epochs=2", "--run-dir", directory, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        end = json.loads(done.stdout.splitlines()[-1])
        self.assertEqual((end["t"], end["reason"], end["hold_out"]), ("run_end", "complete", False))
        self.assertEqual([repeat["cell"] for repeat in end["repeats"]], [GENOTYPE, GENOTYPE])
        losses = {row["train_loss"] for row in csv.DictReader((directory / "curve.csv").read_text().splitlines())}
        self.assertEqual(len(losses), 4, "repeats differ")
        self.assertEqual((directory / "best" / "architecture.txt").read_text().strip(), GENOTYPE)

    def test_it_starts_from_saved_weights(self):
        directory = self.root / "started"
        latent = self.root / "best" / "best" / "last-latent.safetensors"
        done = run("bnas_train", "--best", self.search, *TINY, "--weights", latent, "--run-dir", directory)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotEqual(results(directory), results(self.root / "best"))
        self.refused(2, "is of another network", "--best", self.search, *TINY[:3], "--evaluation-channels=6", "--weights",
                     latent)

    def test_worker_processes_train_the_same(self):
        directory = self.root / "process"
        done = run("bnas_train", "--best", self.search, *TINY, "--run-dir", directory, "--isolation=process")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(results(directory), results(self.root / "best"))

    def test_pictures_of_224_pixels(self):
        pictures = self.root / "pictures"
        generator = random.Random(2)
        for part, count in (("train", 8), ("test", 3)):
            for name, hue in (("red", 0), ("blue", 2)):
                (pictures / part / name).mkdir(parents=True)
                for i in range(count):
                    level = generator.randrange(128, 256)

                    def pixel(y, x, hue=hue, level=level):
                        return [level if channel == hue else (x * y) % 64 for channel in range(3)]
                    (pictures / part / name / f"{i}.png").write_bytes(png(224, pixel))
        directory = self.root / "imagenet"
        done = run("bnas_train", "--best", self.search, "--evaluation=imagenet", "--dataset=folder", "--data-dir",
                   pictures, "--image-cache", self.root / "cache", "--valid-images=4", "--evaluation-cells=3",
                   "--evaluation-channels=4", "--batch-size=6", "--epochs=7", "--run-dir", directory)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("6 images, measured once", done.stdout)
        config = (directory / "config.toml").read_text()
        for line in ("image_side = 224 ", "label_smoothing = 0.1 ", "warmup_epochs = 5.0 "):
            self.assertIn(line, config)
        rates = [float(row["learning_rate"]) for row in
                 csv.DictReader((directory / "curve.csv").read_text().splitlines())]
        for epoch, rate in enumerate(rates):
            cosine = 0.05 * (1 + math.cos(math.pi * epoch / 7)) / 2
            self.assertAlmostEqual(rate, cosine * min(1, epoch / 5), places=6)

    def test_mistakes(self):
        given = [*DATA, *TINY, "--strategy=bnas"]
        self.refused(2, "which cell?", *given)
        self.refused(2, "add --strategy bnas", *DATA, f"--genotype={GENOTYPE}")
        self.refused(2, "normal[...] reduce[...]", *given, "--genotype=[-1, '3x3 bconv', 0, 'linear']")
        self.refused(2, "expected ']' at character", *given, f"--genotype={GENOTYPE[:-1]}")
        self.refused(2, "a source from 0 to 1", *given, f"--genotype={GENOTYPE.replace('3x3(1)+skip', '3x3(2)+skip')}")
        self.refused(2, "reads already", *given, f"--genotype={GENOTYPE.replace('+skip_connect(0)', '+skip_connect(1)')}")
        self.refused(2, "not of the set dense-1bit", *given, f"--genotype={GENOTYPE}", "--op-set=dense-1bit")
        self.refused(2, "does not read loss", *given, f"--genotype={GENOTYPE}", "--loss=squared_hinge")
        self.refused(2, "does not read filters", *given, f"--genotype={GENOTYPE}", "--filters=4")
        self.refused(2, "does not read drop_path", *DATA, "--genotype=[-1, 'linear', 0, 'linear']", "--drop-path=0.1")
        self.refused(2, "bop", *given, f"--genotype={GENOTYPE}", "--optimizer=bop")
        self.refused(2, "must be even", *DATA, "--strategy=bnas", f"--genotype={GENOTYPE}", "--evaluation-channels=5")
        self.refused(2, "--best trains the genotype", "--trial", f"{self.search}#1")
        self.refused(66, "nowhere", "--best", "nowhere")
        unfinished = self.root / "unfinished"
        done = run("bnas_search", *SEARCH, "--run-dir", unfinished, "--time-budget=0.01s")
        self.assertEqual(done.returncode, 75, done.stderr)
        self.refused(66, f"bnas_search resume {unfinished}", "--best", unfinished)
        done = run("bnas_train", "--resume", self.root / "best", "--drop-path=0.1")
        self.assertEqual(done.returncode, 2)
        self.assertIn("drop_path", done.stderr)
        done = run("bnas_search", "resume", self.root / "best")
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"bnas_train --resume {self.root / 'best'}", done.stderr)
        done = run("bnas_search", *SEARCH, "--evaluation-cells=4")
        self.assertIn("unknown flag --evaluation-cells", done.stderr)

    def test_files_are_for_both_programs(self):
        file = self.root / "both.toml"
        file.write_text('strategy = "bnas"\nreduction_trials = 2\nevaluation_cells = 5\ngenotype = ""\n')
        done = run("bnas_search", file, *DATA, "--print-config")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.config(file, *DATA, f"--genotype={GENOTYPE}")["evaluation_cells"], "5")


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1))
    unittest.main()
