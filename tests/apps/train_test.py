# SPDX-License-Identifier: Apache-2.0
"""bnas_train as a user meets it: cells from runs and texts, resuming, final figures, messages."""
import csv
import json
import os
import shutil
import signal

import programs_test

DATA = ["--dataset", "synthetic", "--synthetic-images", "300", "--valid-images", "60", "--batch-size", "32",
        "--filters", "4", "--dense", "10", "--epochs", "3", "--cells", "3"]
SPACE = ["--operators", "3x3 bconv,3x3 maxpool,linear", "--blocks", "2"]
CELL = ["--genotype", "[-1, '3x3 bconv', -2, '3x3 maxpool']"]


class Train(programs_test.Case):
    def train(self, *arguments):
        return self.run_program("bnas_train", *arguments)

    def trained(self, *arguments):
        done = self.train(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def end_of(self, done):
        events = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(events[-1]["t"], "run_end")
        return events[-1]

    def curve(self, run):
        return list(csv.DictReader(self.read(run, "curve.csv").splitlines()))

    def bytes_of(self, *names):
        with open(os.path.join(self.root, *names), "rb") as file:
            return file.read()

    def test_a_training_from_a_text(self):
        done = self.trained(*DATA, *SPACE, *CELL, "--run-dir", "t")
        for part in ("validation accuracy over epochs", "Cell        [-2, '3x3 maxpool', -1, '3x3 bconv']",
                     "Validation  ", "95 % interval", "75 images, measured once", "t/best/last-weights.safetensors",
                     "t/curve.csv"):
            self.assertIn(part, done.stdout)
        rows = self.curve("t")
        self.assertEqual([row["epoch"] for row in rows], ["1", "2", "3"])
        best = max(float(row["valid_accuracy"]) for row in rows)
        self.assertIn(f"{100 * best:.2f} %", done.stdout)
        for name in ("weights", "latent", "last-weights", "last-latent"):
            self.assertGreater(len(self.bytes_of("t", "best", name + ".safetensors")), 1000)
        self.refused(73, [*DATA, *SPACE, *CELL, "--run-dir", "t"], "bnas_train --resume t", program="bnas_train")
        # A finished one tells its result again, measured once.
        self.assertEqual(self.trained("--resume", "t").stdout, done.stdout)

    def test_cells_of_a_search(self):
        search = self.search(*programs_test.TINY, "--run-dir", "a")
        self.assertEqual(search.returncode, 0, search.stderr)
        status = json.loads(self.search("status", "a", "--json").stdout)
        end = self.end_of(self.trained("--best", "a", "--epochs", "2", "--json"))
        self.assertEqual(end["repeats"][0]["cell"], status["best"]["architecture"])
        self.assertTrue(os.path.isdir(self.path("runs/synthetic-train-1")))
        # The search's settings hold, but all images are trained on.
        config = self.read("runs/synthetic-train-1", "config.toml")
        for line in ("epochs = 2 ", "filters = [4]", "max_train_images = 0 ", "valid_images = 60 "):
            self.assertIn(line, config)
        self.assertIn("epochs = 200 ", self.trained("--trial", "a#1", "--print-config").stdout)
        self.refused(66, ["--trial", "a#99"], "no child 99", program="bnas_train")
        self.refused(66, ["--best", "nowhere"], "nowhere", program="bnas_train")
        self.refused(2, ["--trial", "a"], "is not RUN#N", program="bnas_train")
        self.refused(2, ["--resume", "a"], "a is a search", program="bnas_train")

    def test_representations_of_the_flat_space(self):
        flat = ["--space", "flat", "--operators", "3x3 sep-bconv,5x5 sep-bconv,1x7-7x1 bconv,3x3 bconv", "--blocks",
                "3", "--filters", "4,4,4"]
        text = "[[1. 0. 0.]] [[0. 0. 0. 4.]]\n [[ 1.  0.  0.]] [[0. 2. 0. 0.]]"
        shown = self.trained(*programs_test.once([*DATA, *flat]), "--representation", text, "--print-config").stdout
        self.assertIn("genotype = \"[0, '5x5 sep-bconv', 0, '3x3 bconv']\"", shown)
        self.refused(2, [*programs_test.once([*DATA, *flat]), "--representation", text.replace("0. 2.", "2.")],
                     "vector 4 (second operation of block 0) has 3 entries, expected 4", program="bnas_train")

    def test_repeats_and_the_final_figure(self):
        end = self.end_of(self.trained(*DATA, *SPACE, *CELL, "--repeats", "3", "--json", "--run-dir", "t"))
        tests = [repeat["test_acc"] for repeat in end["repeats"]]
        self.assertEqual(len(tests), 3)
        mean = sum(tests) / 3
        self.assertAlmostEqual(end["test_acc"], mean)
        self.assertAlmostEqual(end["test_acc_sd"], (sum((x - mean) ** 2 for x in tests) / 2) ** 0.5)
        for repeat in end["repeats"]:
            low, high = repeat["test_acc_95"]
            self.assertTrue(low < repeat["test_acc"] < high or repeat["test_acc"] in (0, 1))
        rewards = {repeat["child"]: repeat["val_acc"] for repeat in end["repeats"]}
        self.assertEqual(rewards[end["best"]], max(rewards.values()))
        self.assertEqual(len(self.curve("t")), 9)
        self.assertEqual(len({row["train_loss"] for row in self.curve("t")}), 9, "repeats differ")
        self.assertIn("standard deviation", self.trained("--resume", "t").stdout)

        done = self.trained(*DATA, *SPACE, *CELL, "--no-hold-out", "--run-dir", "final")
        self.assertIn("Training    ", done.stdout)
        self.assertIn("(last epoch, 3)", done.stdout)
        self.assertNotIn("Validation  ", done.stdout)
        self.assertEqual({row["valid_accuracy"] for row in self.curve("final")}, {""})
        self.assertEqual(self.bytes_of("final", "best", "latent.safetensors"),
                         self.bytes_of("final", "best", "last-latent.safetensors"))

    def test_starting_from_weights(self):
        self.trained(*DATA, *SPACE, *CELL, "--run-dir", "t")
        latent = self.path("t/best/latent.safetensors")
        shutil.copy(latent, self.path("w.safetensors"))
        self.trained("--best", "t", "--epochs", "1", "--weights", "w.safetensors", "--run-dir", "u")
        self.assertLess(float(self.curve("u")[0]["train_loss"]), float(self.curve("t")[0]["train_loss"]))
        # A training from its result does not start from the same weights again unless told so.
        self.assertIn('weights = "" ', self.trained("--best", "u", "--print-config").stdout)
        os.rename(self.path("w.safetensors"), self.path("moved.safetensors"))
        self.refused(66, ["--resume", "u"], "w.safetensors", program="bnas_train")
        self.trained("--resume", "u", "--weights", "moved.safetensors")
        shutil.copy(self.path("t/best/last-latent.safetensors"), self.path("moved.safetensors"))
        with open(self.path("moved.safetensors"), "r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"\0")
        self.refused(2, ["--resume", "u"], "not what this run began with", program="bnas_train")
        other = ["--genotype", "[-1, 'linear', -2, '3x3 maxpool']", "--run-dir", "v", "--weights"]
        self.refused(2, [*DATA, *SPACE, *other, latent], "is of another network", "saved for the cell [-2, '3x3 maxpool'",
                     program="bnas_train")
        self.refused(2, [*DATA, *SPACE, *CELL, "--run-dir", "v", "--weights", self.path("t/best/weights.safetensors")],
                     "latent.safetensors", program="bnas_train")
        self.assertFalse(os.path.exists(self.path("v")))
        self.refused(2, [*programs_test.TINY, "--run-dir", "s", "--weights", latent], "unknown flag --weights")
        self.environment["BNAS_WEIGHTS"] = latent
        self.refused(2, [*programs_test.TINY, "--run-dir", "s"], "each child of a search starts anew")

    def test_stopped_and_resumed_it_is_the_same(self):
        arguments = programs_test.once([*DATA, *SPACE, *CELL, "--epochs", "60", "--workers", "1"])
        whole = self.trained(*arguments, "--run-dir", "whole")
        for how, code in ((signal.SIGTERM, 143), (signal.SIGKILL, -9)):
            run = f"run{how}"
            process = self.start(*arguments, "--run-dir", run, program="bnas_train")
            self.wait_for(lambda: self.children_started(run))
            process.send_signal(how)
            self.assertEqual(process.wait(timeout=30), code)
            resumed = self.trained("--resume", run)
            self.assertEqual(resumed.stdout.replace(run, "whole"), whole.stdout)
            for name in ("curve.csv", "best/latent.safetensors", "best/last-latent.safetensors"):
                self.assertEqual(self.bytes_of(run, name), self.bytes_of("whole", name), name)

    def test_mistakes(self):
        self.refused(2, [*DATA, *SPACE], "which cell?", program="bnas_train")
        self.refused(2, [*DATA, *SPACE, "--genotype", "[-1, '3x3 conv', -1, 'linear']"], "3x3 bconv",
                     program="bnas_train")
        self.refused(66, ["--resume", "nowhere"], "nowhere", program="bnas_train")
        self.refused(2, [*programs_test.TINY, "--run-dir", "s", "--genotype", "[]"], "unknown flag --genotype")
        self.environment["BNAS_GENOTYPE"] = "[]"
        self.refused(2, [*programs_test.TINY, "--run-dir", "s"], "bnas_train trains a given one")

    def test_help_fits_80_columns(self):
        done = self.trained("--help")
        self.assertLessEqual(max(map(len, done.stdout.splitlines())), 80)
        self.assertIn("--representation", done.stdout)


if __name__ == "__main__":
    programs_test.main({"train": Train})
