import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from pipelines import atomic


def test_round_trips(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1, 2]})
    atomic.write_parquet(frame, tmp_path / "deep/a.parquet")
    atomic.write_json({"b": 1, "a": [2]}, tmp_path / "a.json")
    atomic.write_bytes(b"x", tmp_path / "a.bin")
    assert pl.read_parquet(tmp_path / "deep/a.parquet").equals(frame)
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": [2], "b": 1}
    assert (tmp_path / "a.bin").read_bytes() == b"x"
    assert (tmp_path / "a.bin").stat().st_mode & 0o777 == 0o666 & ~atomic._umask()


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    path = tmp_path / "a.bin"
    atomic.write_bytes(b"old", path)

    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, broken, fail)
    with pytest.raises(OSError, match="no space"):
        atomic.write_bytes(b"new", path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_json_refuses_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        atomic.write_json({"a": float("nan")}, tmp_path / "a.json")
    assert not (tmp_path / "a.json").exists()


def test_a_fresh_folder_takes_the_place_of_the_old_one_or_leaves_it(tmp_path: Path) -> None:
    place = tmp_path / "data"
    for text in ("old", "new"):
        with atomic.fresh_folder(place) as folder:
            (folder / f"{text}.txt").write_text(text)
    assert os.listdir(place) == ["new.txt"]

    def fail() -> None:
        with atomic.fresh_folder(place) as folder:
            (folder / "half.txt").write_text("")
            raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        fail()
    assert os.listdir(place) == ["new.txt"]
    assert os.listdir(tmp_path) == ["data"]


KILLED = """
import os, signal, sys
from pipelines.atomic import fresh_folder
with fresh_folder(sys.argv[1]) as folder:
    (folder / "half.txt").write_text("")
    print(folder, flush=True)
    sys.stdin.read() if sys.argv[2] == "waits" else os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_kill_has_left_is_swept_but_not_what_is_being_written(tmp_path: Path) -> None:
    place = tmp_path / "data"
    command = [sys.executable, "-P", "-c", KILLED, str(place)]
    killed = subprocess.run([*command, "dies"], stdout=subprocess.PIPE, check=False)
    assert killed.returncode == -signal.SIGKILL
    left = Path(killed.stdout.decode().strip())
    assert left.is_dir()
    with subprocess.Popen([*command, "waits"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        busy = Path(other.stdout.readline().strip())
        assert not left.exists()
        with atomic.fresh_folder(place) as folder:
            (folder / "new.txt").write_text("")
        assert busy.is_dir()
        other.communicate("")
    assert os.listdir(tmp_path) == ["data"]
    assert os.listdir(place) == ["half.txt"]  # the last to end
