#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a tool that reads NVTX is told, and that nothing is told without one.

    nvtx_test.py TRACED RECORDER
"""
import os
import pathlib
import subprocess
import sys
import tempfile

EXPECTED = """domain bnas
category 1 search
category 2 child
category 3 epoch
category 4 step
category 5 kernel
category 6 io
push bnas 1 search -
thread worker 1
stream child 17
push bnas 2 child 17
push bnas 3 epoch 0
push bnas 4 step 123
push bnas 5 sign -
pop bnas
pop bnas
pop bnas
push bnas 6 checkpoint 1
pop bnas
pop bnas
pop bnas
"""


def run(program, recorder, record):
    environment = dict(os.environ, NVTX_RECORD=str(record))
    environment.pop("NVTX_INJECTION64_PATH", None)
    if recorder:
        environment["NVTX_INJECTION64_PATH"] = recorder
    subprocess.run([program], env=environment, check=True)
    return record.read_text() if record.exists() else None


def main():
    program, recorder = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        told = run(program, recorder, pathlib.Path(folder) / "with")
        assert told == EXPECTED, f"the tool was told\n{told}\nexpected\n{EXPECTED}"
        assert run(program, None, pathlib.Path(folder) / "without") is None
    return 0


if __name__ == "__main__":
    sys.exit(main())
