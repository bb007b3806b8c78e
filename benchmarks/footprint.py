"""Size of the wheel, and time and peak memory of a whole `dvc repro` from nothing, in a copy of the project."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import Row

ROOT = Path(__file__).parents[1]


def wheel_size() -> Row:
    """The built wheel, MiB."""
    with tempfile.TemporaryDirectory() as folder:
        build = [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "-q",
            "--no-build-isolation",
            "--no-deps",
            "-w",
            folder,
            str(ROOT),
        ]
        subprocess.run(build, check=True)
        size = next(Path(folder).glob("*.whl")).stat().st_size
    return Row("wheel_size", "MiB", size / 2**20, budget="<= 3 MiB")


def fresh_repro() -> list[Row]:
    """`dvc repro` in a clone without caches: wall time, and the memory of its largest process."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "ratchet"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(copy)], check=True)
        for built in ("inference/_native.pyi",):
            if (ROOT / built).exists():
                shutil.copy(ROOT / built, copy / built)
        start = time.perf_counter()
        subprocess.run(["dvc", "repro", "-q"], cwd=copy, check=True, stdout=subprocess.DEVNULL)
        wall = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**10
    return [
        Row("repro_wall", "s", wall, budget="<= 600 s"),
        Row("repro_peak_memory", "MiB", peak),
    ]


def run() -> list[Row]:
    """wheel_size, repro_wall, repro_peak_memory."""
    return [*fresh_repro(), wheel_size()]
