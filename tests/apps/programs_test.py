# SPDX-License-Identifier: Apache-2.0
"""The programs as a user meets them: exit codes, messages, terminal behaviour, signals, run directories."""
import argparse
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

BIN = ""
TINY = [
    "--dataset", "synthetic", "--synthetic-images", "260", "--valid-images", "60", "--max-train-images", "128",
    "--operators", "3x3 bconv,3x3 maxpool,linear", "--blocks", "2", "--children", "3", "--first-level-max", "4",
    "--epochs", "1", "--batch-size", "32", "--filters", "4", "--dense", "10", "--surrogate-epochs", "4",
    "--surrogate-hidden", "8", "--surrogate-embedding", "8",
]
# Long enough to be interrupted at will; an epoch of each child still is short.
LONG = TINY + ["--epochs", "400", "--workers", "2"]


def once(arguments):
    """Flags given twice: the last wins."""
    out, at = [], {}
    for flag, value in zip(arguments[::2], arguments[1::2]):
        if flag in at:
            out[at[flag]] = value
        else:
            out += [flag, value]
            at[flag] = len(out) - 1
    return out


class Case(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="bnas-programs-")
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("BNAS_")}
        for name in ("NO_COLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "COLUMNS", "XDG_CONFIG_HOME"):
            self.environment.pop(name, None)
        self.environment["HOME"] = self.root

    def path(self, name):
        return os.path.join(self.root, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def read(self, *names):
        with open(os.path.join(self.root, *names), encoding="utf-8", newline="") as file:
            return file.read()

    def run_program(self, name, *arguments, **options):
        return subprocess.run([os.path.join(BIN, name), *arguments], cwd=self.root, env=self.environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, **options)

    def search(self, *arguments):
        return self.run_program("bnas_search", *arguments)

    def start(self, *arguments, program="bnas_search", **options):
        process = subprocess.Popen([os.path.join(BIN, program), *arguments], cwd=self.root, env=self.environment,
                                   stdin=subprocess.DEVNULL, **options)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        return process

    def wait_for(self, what, seconds=60.0):
        end = time.monotonic() + seconds
        while not what():
            self.assertLess(time.monotonic(), end, "nothing happened")
            time.sleep(0.02)

    def children_started(self, run):
        """An epoch of some child is stored, so there is something to resume from."""
        folder = os.path.join(self.root, run, "checkpoints")
        return os.path.isdir(folder) and any(os.listdir(os.path.join(folder, child)) for child in os.listdir(folder))

    def refused(self, code, arguments, *parts, program="bnas_search"):
        done = self.run_program(program, *arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("error:"), 1, done.stderr)
        self.assertNotIn("\033", done.stderr)
        for part in parts:
            self.assertIn(part, done.stderr)
        return done


class Usage(Case):
    def test_help_fits_80_columns(self):
        for program in ("bnas_search", "bnas_info", "bnas_data", "bnas_score", "bnas_rank"):
            done = self.run_program(program, "--help")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertLessEqual(max(map(len, done.stdout.splitlines())), 80)
            self.assertIn("Examples", done.stdout)

    def test_version_names_the_build(self):
        done = self.search("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^bnas_search \d+\.\d+\.\d+\n")
        for part in ("compiler", "SQLite", "cpu"):
            self.assertIn(part, done.stdout)

    def test_mistakes_on_the_command_line(self):
        self.refused(2, ["--epoch", "3"], "unknown flag --epoch; did you mean --epochs?")
        self.refused(2, ["resum", "runs/a"], "'runs/a'")
        self.refused(2, ["--epochs", "zero"], "--epochs: 'zero' is no integer")
        self.refused(2, ["--operators", "3x3 bconv,5x5 bconf"], "5x5 bconf", "5x5 bconv")
        self.refused(2, ["--device", "tpu"], "tpu")
        self.refused(2, ["resume"], "resume needs the run directory")
        self.refused(2, ["none.toml"], "none.toml: no such configuration file")
        self.refused(2, ["chek", "mnist"], "chek", program="bnas_data")
        self.refused(2, ["--jsn"], "--jsn", program="bnas_info")

    def test_mistakes_in_a_file(self):
        self.write("run.toml", "blocks = 2\n\nepoch = 3\n")
        self.refused(2, ["run.toml"], "run.toml:3:1: unknown key 'epoch'; did you mean 'epochs'?")
        self.write("bomb.toml", "x = " + "[" * 900000)
        self.refused(2, ["bomb.toml"], "bomb.toml:1: nested more than 16 deep")
        self.write("dots.toml", "a" + ".a" * 400000 + " = 1")
        self.refused(2, ["dots.toml"], "dots.toml:1: nested more than 16 deep")

    def test_mistakes_in_the_environment(self):
        self.environment["BNAS_BLOCKS"] = "99"
        self.refused(2, ["--dry-run"], "BNAS_BLOCKS: blocks is 99, which is out of range; it may be 1 to 8")

    def test_what_is_not_there(self):
        self.refused(66, ["resume", "runs/a"], "runs/a holds no run")
        self.refused(66, ["status", "runs/a"], "runs/a holds no run")
        files = [part for key in ("train-images", "train-labels", "test-images", "test-labels")
                 for part in ("--" + key, self.path(key))]
        self.refused(66, ["--dataset", "idx", *files, "--run-dir", "a"], self.path("train-"))
        self.assertFalse(os.path.exists(self.path("a")), "a search that cannot start leaves no run directory")
        self.refused(69, [*TINY, "--device", "cuda", "--run-dir", "a"], "cuda")

    def test_a_directory_of_something_else_is_left_alone(self):
        os.mkdir(self.path("thesis"))
        self.write("thesis/chapter.tex", "x")
        self.refused(73, [*TINY, "--run-dir", "thesis"], "thesis exists and holds other files")
        self.assertEqual(os.listdir(self.path("thesis")), ["chapter.tex"])

    def test_print_config_reads_back_as_itself(self):
        first = self.search(*TINY, "--time-budget", "90m", "--print-config")
        self.assertEqual(first.returncode, 0)
        self.write("again.toml", first.stdout)
        self.assertEqual(self.search("again.toml", "--print-config").stdout, first.stdout)

    def test_color_is_off_unless_asked_for(self):
        self.environment["CLICOLOR_FORCE"] = "1"
        self.assertIn("\033[31m", self.search("--epoch").stderr)
        self.assertNotIn("\033", self.search("--no-color", "--epochs", "x").stderr)
        self.environment["NO_COLOR"] = "1"
        self.assertNotIn("\033", self.search("--epoch").stderr)

    def test_stdout_that_is_full_or_gone(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([os.path.join(BIN, "bnas_search"), "--help"], stdout=full, stderr=subprocess.PIPE,
                                  check=False)
        self.assertEqual(done.returncode, 74)
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([os.path.join(BIN, "bnas_search"), "--help"], stdout=write, stderr=subprocess.PIPE,
                              check=False)
        os.close(write)
        self.assertEqual((done.returncode, done.stderr), (0, b""))


class Data(Case):
    def idx(self, name, magic, shape, content):
        with open(self.path(name), "wb") as file:
            file.write(struct.pack(">" + "I" * (1 + len(shape)), magic, *shape) + content)

    def flags(self):
        return ["--dataset", "idx", "--train-images", "i", "--train-labels", "l", "--test-images", "i",
                "--test-labels", "l", "--valid-images", "4", "--run-dir", "a"]

    def test_damaged_idx_files(self):
        pixels = bytes(20 * 8 * 8)
        labels = bytes(i % 10 for i in range(20))
        self.idx("l", 2049, [20], labels)
        self.idx("i", 2051, [20, 8, 8], pixels[:-1])
        self.refused(65, self.flags(), "i")
        self.idx("i", 2052, [20, 8, 8], pixels)
        self.refused(65, self.flags(), "2051")
        self.idx("i", 2051, [4000000000, 4000000000, 4000000000], pixels)
        self.refused(65, self.flags())
        self.idx("i", 2051, [20, 8, 8], pixels)
        self.idx("l", 2049, [20], bytes([77]) + labels[1:])
        self.refused(65, self.flags(), "77")
        self.assertFalse(os.path.exists(self.path("a")))

    def test_info(self):
        done = self.run_program("bnas_info", "--json")
        info = json.loads(done.stdout)
        self.assertEqual(info["v"], 1)
        self.assertEqual(info["devices"][0]["device"], "cpu")
        self.assertGreater(info["devices"][0]["kernels"], 10)
        if len(info["devices"]) > 1:
            self.assertRegex(info["build"]["CUDA"], r"^\d+\.\d.* for \d+.* (with|without) cuDNN$")
        self.assertIn("kernels", self.run_program("bnas_info").stdout)

    def test_list_and_check(self):
        listed = json.loads(self.run_program("bnas_data", "list", "--json").stdout)
        names = {entry["name"] for entry in listed["datasets"]}
        self.assertLessEqual({"fashion-mnist", "mnist", "synthetic"}, names)
        for name in names:
            self.assertIn(name, self.run_program("bnas_data", "list").stdout)
        self.refused(2, ["check", "imagenet"], "imagenet", program="bnas_data")
        self.refused(2, ["check"], "check needs the name", program="bnas_data")
        os.mkdir(self.path("mnist"))
        self.environment["BNAS_DATA_DIR"] = self.root
        for part in ("train", "t10k"):
            self.idx(f"mnist/{part}-images-idx3-ubyte", 2051, [20, 28, 28], bytes(20 * 28 * 28))
            self.idx(f"mnist/{part}-labels-idx1-ubyte", 2049, [20], bytes(i % 10 for i in range(20)))
        done = self.run_program("bnas_data", "check", "mnist", "--data-dir", self.root, "--json")
        self.assertEqual(done.returncode, 65)
        self.assertFalse(json.loads(done.stdout)["ok"])


class Search(Case):
    def test_dry_run_says_size_time_memory_disk(self):
        done = self.search(*TINY, "-n", "--run-dir", "a")
        self.assertEqual(done.returncode, 0, done.stderr)
        for part in ("distinct networks", "children 7", "time ", "memory ", "disk "):
            self.assertIn(part, done.stdout)
        self.assertFalse(os.path.exists(self.path("a")))
        plan = json.loads(self.search(*TINY, "-n", "--json").stdout)
        self.assertEqual(plan["levels"][0]["cells_ordered"], "36")  # 2 inputs, 3 operations: (2 * 3)^2
        self.assertEqual(plan["levels"][0]["cells_distinct"], "21")  # 6 * 7 / 2
        self.assertEqual(plan["children"], 7)
        for key in ("seconds", "memory_bytes", "disk_bytes"):
            self.assertGreater(plan[key], 0)

    def test_a_whole_search(self):
        done = self.search(*TINY, "--run-dir", "a", "--seed", "5")
        self.assertEqual(done.returncode, 0, done.stderr)
        for part in ("Best cells", "binary MACs", "Surrogate", "Test ", "a/best/weights.safetensors",
                     "bnas_search status a", "bnas_search a/config.toml --seed 6"):
            self.assertIn(part, done.stdout)
        self.assertNotIn("\r", done.stderr)
        self.assertNotIn("\033", done.stderr + done.stdout)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 7)  # one per child
        for line in lines:
            self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ progress level=\d done=\d total=\d ")
        self.assertIn(" done=7 total=7 ", lines[-1])
        self.assertLessEqual({"config.toml", "run.sqlite", "run.lock", "checkpoints", "best", "logs",
                              "train_history.csv", "architectures.txt"}, set(os.listdir(self.path("a"))))
        self.assertLessEqual({"weights.safetensors", "latent.safetensors"}, set(os.listdir(self.path("a/best"))))
        history = self.read("a", "train_history.csv")
        self.assertEqual(len(history.split("\r\n")), 8)
        self.assertNotIn("run_dir", self.read("a", "config.toml"))

        status = self.search("status", "a")
        self.assertIn("complete", status.stdout)
        self.assertIn("7 planned, 7 done", status.stdout)
        found = json.loads(self.search("status", "a", "--json").stdout)
        self.assertEqual((found["v"], found["state"], found["trials"]["done"]), (1, "complete", 7))

        self.refused(73, [*TINY, "--run-dir", "a"], "a already holds a run; continue it with bnas_search resume a")
        shutil.rmtree(self.path("a/checkpoints"))  # so that a second measurement of the winner would fail
        again = self.search("resume", "a")
        self.assertEqual((again.returncode, again.stdout), (0, done.stdout), again.stderr)
        self.assertEqual(self.read("a", "train_history.csv"), history)

    def test_resume_keeps_what_decides_results(self):
        self.assertEqual(self.search(*TINY, "--run-dir", "a", "-q").returncode, 0)
        self.refused(2, ["resume", "a", "--epochs", "2", "--seed", "9", "--workers", "1"], "epochs: 1 in the run, 2 "
                     "from --epochs", "seed: 1 in the run, 9 from --seed", "start a new run")
        self.assertEqual(self.search("resume", "a", "--max-attempts", "7").returncode, 0)
        self.assertIn("max_attempts = 7", self.read("a", "config.toml"))
        self.assertIn("max_attempts changed from 3 to 7", self.read("a", "logs", "search.log"))

    def test_workers_do_not_change_the_history_and_seeds_do(self):
        for name, extra in (("one", ["--workers", "1"]), ("three", ["--workers", "3"]), ("seed", ["--seed", "2"])):
            self.assertEqual(self.search(*TINY, "--run-dir", name, "-q", *extra).returncode, 0)
        self.assertEqual(self.read("one", "train_history.csv"), self.read("three", "train_history.csv"))
        self.assertEqual(self.read("one", "architectures.txt"), self.read("three", "architectures.txt"))
        self.assertNotEqual(self.read("one", "train_history.csv"), self.read("seed", "train_history.csv"))

    def test_flat_space_and_random_strategy(self):
        # A list flag that is repeated goes on: together with the 4 of TINY these are three filters.
        done = self.search(*TINY, "--space", "flat", "--filters", "4,4", "--strategy", "random", "--run-dir", "a", "-q")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertNotIn("Surrogate", done.stdout)

    def test_json_events(self):
        done = self.search(*TINY, "--run-dir", "a", "--json", "-q")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        events = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([event["seq"] for event in events], list(range(1, len(events) + 1)))
        self.assertEqual({event["v"] for event in events}, {1})
        count = lambda kind: sum(event["t"] == kind for event in events)
        self.assertEqual((count("run_start"), count("level_start"), count("child_start"), count("epoch"),
                          count("child_end"), count("surrogate"), count("run_end")), (1, 2, 7, 7, 7, 2, 1))
        last = events[-1]
        self.assertEqual(last["reason"], "complete")
        self.assertEqual(last["best"][0]["val_acc"], max(e["val_acc"] for e in events if e["t"] == "child_end"))
        self.assertTrue(0.0 <= last["test_acc"] <= 1.0)

    def test_verbosity_and_log_file(self):
        done = self.search(*TINY, "--run-dir", "a", "-vv", "--log-file", "extra.log")
        self.assertEqual(done.returncode, 0)
        self.assertIn("epoch 1/1 | loss ", done.stderr)
        self.assertIn("epoch 1/1 | loss ", self.read("extra.log"))
        self.assertEqual(self.read("extra.log"), self.read("a", "logs", "search.log"))

    def test_second_search_on_one_directory_is_refused_at_once(self):
        process = self.start(*once(LONG), "--run-dir", "a", "-q")
        self.wait_for(lambda: self.children_started("a"))
        for arguments in ([*TINY, "--run-dir", "a"], ["resume", "a"]):
            self.refused(73, arguments, f"a is in use by process {process.pid} on ")
        self.assertIn("running", self.search("status", "a").stdout)
        process.kill()
        process.wait()
        self.assertIn("stopped", self.search("status", "a").stdout)

    def test_disk_that_is_too_small(self):
        done = self.search(*TINY, "--run-dir", "/proc/bnas")
        self.assertEqual(done.returncode, 74, done.stderr)


class Stop(Case):
    """How a search ends early. Every case resumes and must end with the history of the undisturbed run."""
    RUN = once(TINY + ["--epochs", "15", "--workers", "2"])

    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.mkdtemp(prefix="bnas-programs-")
        cls.addClassCleanup(shutil.rmtree, cls.shared, ignore_errors=True)
        subprocess.run([os.path.join(BIN, "bnas_search"), *cls.RUN, "--run-dir", "whole", "-q"], cwd=cls.shared,
                       check=True, stdout=subprocess.DEVNULL)
        with open(os.path.join(cls.shared, "whole", "train_history.csv"), encoding="utf-8", newline="") as file:
            cls.history = file.read()
        with open(os.path.join(cls.shared, "whole", "best", "latent.safetensors"), "rb") as file:
            cls.weights = file.read()

    def resumed(self, run):
        done = self.search("resume", run, "-q")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.read(run, "train_history.csv"), self.history)
        with open(os.path.join(self.root, run, "best", "latent.safetensors"), "rb") as file:
            self.assertEqual(file.read(), self.weights)

    def test_terminate(self):
        for number, code in ((signal.SIGTERM, 143), (signal.SIGHUP, 129)):
            run = f"run{code}"
            process = self.start(*self.RUN, "--run-dir", run, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                 text=True)
            self.wait_for(lambda: self.children_started(run))
            process.send_signal(number)
            start = time.monotonic()
            _, errors = process.communicate(timeout=30)
            self.assertEqual(process.returncode, code, errors)
            self.assertLess(time.monotonic() - start, 10.0)
            self.assertRegex(errors, r"Stopping: \d (child checkpoints|children checkpoint) now \(<= 10 s\)\. Ctrl-C "
                             rf"again to leave at once\. Resume: bnas_search resume {run}\n")
            self.resumed(run)

    def test_kill(self):
        process = self.start(*self.RUN, "--run-dir", "a", "-q")
        self.wait_for(lambda: self.children_started("a"))
        process.kill()
        process.wait()
        self.resumed("a")

    def test_time_budget(self):
        done = self.search(*self.RUN, "--run-dir", "a", "--time-budget", "0.3s", "-q")
        self.assertEqual(done.returncode, 75, done.stderr)
        self.assertIn("Resume: bnas_search resume a --time-budget 0", done.stderr)
        self.assertEqual(self.search("resume", "a", "--time-budget", "0", "-q").returncode, 0)
        self.resumed("a")

    def pty_search(self, columns, *arguments):
        """Starts a search on a terminal of its own: (pid, master)."""
        pid, master = pty.fork()
        if pid == 0:
            os.chdir(self.root)
            os.execve(os.path.join(BIN, "bnas_search"), ["bnas_search", *arguments],
                      {**self.environment, "TERM": "xterm", "LC_ALL": "C.UTF-8"})
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.addCleanup(os.close, master)
        return pid, master

    def read_pty(self, master, until, seconds=60.0):
        """What the terminal got until `until` holds for it; to the end of the program when it is None."""
        text, end = b"", time.monotonic() + seconds
        while until is None or not until(text.decode("utf-8", "replace")):
            self.assertLess(time.monotonic(), end, text)
            if select.select([master], [], [], 0.1)[0]:
                try:
                    piece = os.read(master, 65536)
                except OSError:  # the program is gone
                    break
                if not piece:
                    break
                text += piece
        return text.decode("utf-8", "replace")

    def test_control_c_on_a_terminal(self):
        pid, master = self.pty_search(100, *self.RUN, "--run-dir", "a")
        seen = self.read_pty(master, lambda text: "░" in text and "loss" in text)
        os.write(master, b"\x03")
        start = time.monotonic()
        rest = self.read_pty(master, None, 30.0)
        self.assertLess(time.monotonic() - start, 10.0)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 130, rest)
        self.assertIn("Stopping: ", rest)
        self.assertIn("Resume: bnas_search resume a", rest)
        self.assertIn("Level 1/2", seen)
        self.resumed("a")

    def test_second_control_c_leaves_at_once(self):
        pid, master = self.pty_search(100, *once([*self.RUN, "--epochs", "400"]), "--run-dir", "a")
        self.read_pty(master, lambda text: "loss" in text)
        os.write(master, b"\x03")
        os.write(master, b"\x03")
        start = time.monotonic()
        self.read_pty(master, None, 30.0)
        self.assertLess(time.monotonic() - start, 2.0)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 130)

    def test_forty_columns(self):
        pid, master = self.pty_search(40, *once([*self.RUN, "--epochs", "400"]), "--run-dir", "a")
        seen = self.read_pty(master, lambda text: text.count("loss") > 3)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        plain = re.sub(r"\033\[[0-9;]*[A-Za-z]", "", seen)
        for line in plain.replace("\r", "").split("\n"):
            self.assertLess(len(line), 40, line)
        for part in ("0/7 children", "ETA ---", "loss "):
            self.assertIn(part, plain)


def main(groups):
    """Runs the group of tests that the command line names."""
    global BIN
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("group", choices=list(groups))
    options = parser.parse_args()
    BIN = os.path.abspath(options.bin)
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(groups[options.group])
    sys.exit(not unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful())


if __name__ == "__main__":
    main({"usage": Usage, "data": Data, "search": Search, "stop": Stop})
