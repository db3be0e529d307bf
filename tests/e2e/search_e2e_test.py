#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Whole searches with the built program: the same result whatever the number of workers, after kill -9 at random
moments, after Ctrl-C, and after a full disk.

    search_e2e_test.py BNAS_SEARCH [unittest arguments]
"""
import os
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
KILLS = 25
TINY = [
    "--dataset=synthetic", "--synthetic-images=300", "--valid-images=60", "--operators=3x3 bconv,3x3 sep-bconv,linear",
    "--space=pnas", "--blocks=2", "--first-level-max=4", "--children=3", "--epochs=2", "--batch-size=32", "--cells=2",
    "--filters=4,6", "--dense=10", "--stem-stride=2", "--surrogate-kind=mlp", "--surrogate-epochs=3", "--seed=7",
]
RESULTS = ["train_history.csv", "architectures.txt", "best/weights.safetensors", "best/latent.safetensors"]


def command(run, *extra):
    """The tiny search; `extra` replaces flags of the same name."""
    names = {flag.split("=")[0] for flag in extra}
    return [PROGRAM, *(flag for flag in TINY if flag.split("=")[0] not in names), f"--run-dir={run}", *extra]


def wait_for(process, condition):
    """Until `condition()` holds while `process` runs."""
    while not condition():
        if process.poll() is not None:
            raise AssertionError(f"the search ended with {process.returncode} too early")
        time.sleep(0.01)


def search(arguments):
    return subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=300)


def results(run):
    """The bytes that must not depend on how the search went."""
    found = {name: (run / name).read_bytes() for name in RESULTS}
    for best in sorted(run.glob("checkpoints/*/best.safetensors")):
        found[str(best.relative_to(run))] = best.read_bytes()
    return found


class SearchTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="bnas-e2e-"))
        start = time.monotonic()
        done = search(command(cls.root / "reference", "--workers=2", "--json"))
        cls.seconds = time.monotonic() - start
        cls.events = len(done.stdout.splitlines())
        assert done.returncode == 0, done.stderr.decode()
        cls.reference = results(cls.root / "reference")
        assert len(cls.reference) == len(RESULTS) + 7, sorted(cls.reference)  # 4 + 3 children

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.root)

    def assert_same(self, run):
        found = results(run)
        self.assertEqual(sorted(found), sorted(self.reference))
        for name, content in self.reference.items():
            self.assertEqual(found[name], content, f"{run}/{name} differs from the undisturbed run")

    def resume(self, run):
        done = search([PROGRAM, "resume", str(run)])
        self.assertEqual(done.returncode, 0, done.stderr.decode())

    def test_workers_do_not_matter(self):
        for workers in (1, 4):
            run = self.root / f"workers{workers}"
            self.assertEqual(search(command(run, f"--workers={workers}")).returncode, 0)
            self.assert_same(run)

    def test_another_seed_is_another_history(self):
        run = self.root / "seed"
        self.assertEqual(search(command(run, "--seed=8")).returncode, 0)
        self.assertNotEqual(results(run)["train_history.csv"], self.reference["train_history.csv"])

    def test_killed_at_random_moments(self):
        generator = random.Random(1)
        killed = 0
        for i in range(KILLS):
            run = self.root / f"kill{i}"
            arguments = command(run, "--workers=2")
            while True:  # every third run may be killed again while it resumes
                process = subprocess.Popen([*arguments, "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                for _ in range(generator.randrange(self.events)):
                    process.stdout.readline()
                time.sleep(generator.uniform(0, self.seconds / self.events))
                killed += process.poll() is None
                process.kill()
                process.wait()
                process.stdout.close()
                if not (run / "run.sqlite").exists():
                    shutil.rmtree(run, ignore_errors=True)  # too early for anything to resume
                else:
                    arguments = [PROGRAM, "resume", str(run)]
                if i % 3 != 0 or generator.random() < 0.5:
                    break
            done = search(arguments)
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            self.assert_same(run)
            shutil.rmtree(run)
        self.assertGreater(killed, KILLS // 2, "most kills came too late to hit anything")

    def test_interrupt_and_terminate_leave_and_resume(self):
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            run = self.root / f"signal{code}"
            process = subprocess.Popen(command(run, "--epochs=2000"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            wait_for(process, lambda: list(run.glob("checkpoints/*/checkpoint*")))
            process.send_signal(number)
            message = process.communicate(timeout=60)[1].decode()
            self.assertEqual(process.returncode, code, message)
            self.assertIn("bnas_search resume", message)
            # It goes on from there: stop it again soon.
            again = subprocess.Popen([PROGRAM, "resume", str(run)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(0.5)
            self.assertIsNone(again.poll(), "the resumed search ended at once")
            again.send_signal(number)
            self.assertEqual(again.wait(60), code)

    def test_a_full_disk_is_an_error_and_loses_nothing(self):
        disk = self.root / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(disk)]
        if os.geteuid() != 0 or subprocess.run(mount, stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("needs the right to mount a small file system")
        try:
            run = disk / "run"
            # Room for the start (the program asks for some), then none: a filler takes the rest while children train.
            process = subprocess.Popen(command(run, "--workers=2"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            wait_for(process, (run / "run.sqlite").exists)
            with open(disk / "filler", "wb", buffering=0) as filler:
                try:
                    while True:
                        filler.write(bytes(1 << 16))
                except OSError:
                    pass
            message = process.communicate(timeout=60)[1].decode()
            self.assertEqual(process.returncode, 74, message)
            self.assertIn("disk", message)
            (disk / "filler").unlink()
            self.resume(run)
            self.assert_same(run)
        finally:
            subprocess.run(["umount", "-l", str(disk)], check=True)

    def test_two_searches_on_one_directory(self):
        run = self.root / "twice"
        first = subprocess.Popen(command(run, "--epochs=2000"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(first, (run / "run.sqlite").exists)
        second = search([PROGRAM, "resume", str(run)])
        self.assertEqual(second.returncode, 73, second.stderr.decode())
        self.assertIn(str(first.pid), second.stderr.decode())
        first.kill()
        first.wait()

    # With worker processes: whoever of them dies, the result is that of threads.

    @staticmethod
    def workers_of(process):
        """Process ids of the workers that `process` has started."""
        found = []
        for task in pathlib.Path(f"/proc/{process.pid}/task").glob("*/children"):
            try:
                found += [int(pid) for pid in task.read_text().split()]
            except OSError:  # the thread has ended
                pass
        return found

    def test_processes_do_not_matter(self):
        for workers in (1, 4):
            run = self.root / f"processes{workers}"
            done = search(command(run, f"--workers={workers}", "--isolation=process"))
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            self.assert_same(run)

    def test_workers_killed_at_random_moments(self):
        generator = random.Random(2)
        for i in range(4):  # three deaths of a worker within ten minutes are forgiven, one after 1, 4 and 16 s
            run = self.root / f"worker-kill{i}"
            process = subprocess.Popen(command(run, "--workers=3", "--isolation=process", "--json"),
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            for _ in range(generator.randrange(2, self.events)):
                process.stdout.readline()
            for worker in self.workers_of(process):
                os.kill(worker, signal.SIGKILL)
            process.stdout.read()
            process.stdout.close()
            self.assertEqual(process.wait(60), 0)
            self.assert_same(run)

    def test_workers_leave_with_a_killed_search(self):
        run = self.root / "orphans"
        process = subprocess.Popen(command(run, "--epochs=2000", "--isolation=process"), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        wait_for(process, lambda: list(run.glob("checkpoints/*/checkpoint*")))
        workers = self.workers_of(process)
        self.assertEqual(len(workers), 1)
        process.kill()
        process.wait()
        def alive():
            try:
                state = pathlib.Path(f"/proc/{workers[0]}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                return False
            return state not in "ZX"  # its new parent may be slow to bury it

        deadline = time.monotonic() + 1.0
        while alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertFalse(alive(), "a worker outlives its search")

    def test_a_signal_to_all_processes_leaves_and_resumes(self):
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            run = self.root / f"group{code}"
            arguments = command(run, "--epochs=2000", "--isolation=process", "--workers=2")
            process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                       start_new_session=True)
            wait_for(process, lambda r=run: list(r.glob("checkpoints/*/checkpoint*")))
            os.killpg(process.pid, number)
            message = process.communicate(timeout=60)[1].decode()
            self.assertEqual(process.returncode, code, message)
            self.assertIn("bnas_search resume", message)
            self.assertNotIn("signal", (run / "logs" / "search.log").read_text())  # no worker died of it


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
