import errno

import pytest

from inference import Engine, ExportError, read_export
from models.tracking import find_run
from pipelines import export, train
from small_pipeline import inside, prepare


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pipeline")
    prepare(folder)
    with inside(folder):
        for net in ("stop", "exit"):
            train.main(net)
            export.main(net)
        yield folder


def test_the_engine_takes_the_pair(folder):
    engine = Engine.load(folder / "artifacts/exports/stop.pt", folder / "artifacts/exports/exit.pt")
    assert engine.stop_manifest["kind"] == "stop"
    assert set(engine.stop_manifest["policy"]) == {"stop", "risk"}
    assert set(engine.exit_manifest["policy"]) == {"target"}


def test_the_stage_repeats_to_the_byte(folder):
    path = folder / "artifacts/exports/stop.pt"
    before = path.read_bytes()
    export.main("stop")
    assert path.read_bytes() == before
    assert find_run(read_export(path).manifest["weights_sha256"]) is not None


def test_a_full_disk_leaves_the_last_good_export(folder, monkeypatch):
    path = folder / "artifacts/exports/stop.pt"
    before = path.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        export.main("stop")
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir() if p.name.startswith(".")] == []


def test_an_export_that_the_engine_refuses_is_not_written(folder, monkeypatch):
    path = folder / "artifacts/exports/exit.pt"
    before = path.read_bytes()
    monkeypatch.setattr(export, "export", lambda *_: before[:-9])
    with pytest.raises(ExportError):
        export.main("exit")
    assert path.read_bytes() == before


def test_the_commit_is_empty_outside_a_repository(folder):
    assert export.git_commit() == ""
