import hashlib
import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import load

from features.expression import bar
from features.graph import graph_hash, to_data
from inference import ExportError, Net, read_export
from models.calibration import identity
from models.export import export, run_script
from models.fit import fit
from models.nets import KINDS, STATE
from models.task import TrainParams
from models.trained import PROBES, Trained, describe, predict

PARAMS = TrainParams(hidden=(12, 8), batch_size=512, max_epochs=3, valid_days=30)
POLICY = {"stop": {"cost": 0.001}, "risk": {"tick": 0.0}}


def bent_maps():
    """Maps that change something."""
    return np.stack([identity() ** 1.3, identity() ** 0.8])


@pytest.fixture(scope="module", params=sorted(KINDS))
def trained(request, dataset, grid):
    kind = KINDS[request.param]
    names = dataset.features
    graph = to_data(
        {**{n: bar("close").lag(i) for i, n in enumerate(names, 1)}, "sigma": bar("open"), "atr": bar("high")},
        names,
        86_400_000_000,
    )
    fitted = fit(kind, dataset, PARAMS)
    judged = dataset.rows.of("calibration").fresh()
    return describe(kind, dataset, fitted, PARAMS, bent_maps(), graph, grid, 10, judged)


@pytest.fixture(scope="module")
def path(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("exports") / "net.pt"
    path.write_bytes(export(trained, POLICY, "abc"))
    return path


def test_equal_nets_give_equal_bytes(trained, path):
    scripted_before = torch.nn.Linear(2, 3)
    assert export(trained, POLICY, "abc") == path.read_bytes()
    with pytest.warns(DeprecationWarning, match="torch.jit.script"):
        torch.jit.script(scripted_before)  # moves the process-wide counter of class names on
    assert export(trained, POLICY, "abc") == path.read_bytes()
    assert export(trained, POLICY, "abd") != path.read_bytes()


def test_script_engine_and_net_agree_on_any_rows(trained, path, dataset):
    inputs = np.concatenate([dataset.rows.inputs[:500], 100 * dataset.rows.inputs[:20]])
    eager = predict(trained.module(), inputs)
    np.testing.assert_allclose(run_script(path, inputs), eager, atol=1e-6)
    np.testing.assert_allclose(Net.load(path).predict(inputs), eager, atol=1e-5)


def test_the_file_can_be_read_without_torch(trained, path):
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        extra = {n.rsplit("/", 1)[1]: archive.read(n) for n in names if "/extra/" in n}
        assert not any(n.endswith(".debug_pkl") for n in names)
        assert archive.comment == b"ratchet-sha256:" + hashlib.sha256(path.read_bytes()[:-81]).hexdigest().encode()
    manifest, weights, probes = (
        json.loads(extra["manifest.json"]),
        *(load(extra[f"{n}.safetensors"]) for n in ("weights", "probes")),
    )
    assert set(weights) == {f"{layer['name']}.{part}" for layer in manifest["layers"] for part in ("weight", "bias")}
    for layer in manifest["layers"]:
        assert weights[f"{layer['name']}.weight"].shape == (layer["out"], layer["in"])
    assert probes["inputs"].shape == (PROBES, len(manifest["features"]) + 5)
    assert probes["outputs"].shape == (PROBES, 2, len(manifest["grid"]))
    assert (
        manifest["weights_sha256"] == trained.weights_sha256 == hashlib.sha256(extra["weights.safetensors"]).hexdigest()
    )
    assert manifest["graph_hash"] == graph_hash(manifest["graph"])
    assert manifest["state"] == list(STATE)
    assert manifest["policy"] == POLICY
    assert manifest["expires_us"] - manifest["trained_until_us"] == 30 * 86_400_000_000
    assert manifest["curves"] == list(trained.kind.curves)
    assert manifest["coupling"] == {"stop": "nested", "exit": "independent"}[manifest["kind"]]


def test_probes_hold_the_extremes_and_go_beyond_the_clipping(trained, path, dataset):
    inputs = read_export(path).probe_inputs
    train = dataset.rows.of("train").inputs
    np.testing.assert_array_equal(inputs[:-2].min(0), train.min(0))
    np.testing.assert_array_equal(inputs[:-2].max(0), train.max(0))
    z = (inputs[-2:] - trained.weights["mean"]) / trained.weights["std"]
    assert (np.abs(z) > 8).all()


def test_the_training_range_is_widened(trained, dataset):
    train = dataset.rows.of("train").inputs[:, : len(dataset.features)]
    low, high = np.array(trained.facts["low"]), np.array(trained.facts["high"])
    np.testing.assert_allclose(high - low, 1.5 * (train.max(0) - train.min(0)), rtol=1e-6)
    assert (low < train.min(0)).all()


def test_any_flipped_byte_is_noticed(path, tmp_path):
    data = path.read_bytes()
    rng = np.random.default_rng(0)
    bad = tmp_path / "bad.pt"
    for at in [0, len(data) - 1, len(data) - 79, len(data) - 82, *rng.integers(0, len(data) - 82, 40)]:
        broken = bytearray(data)
        broken[at] ^= 1
        bad.write_bytes(bytes(broken))
        with pytest.raises(ExportError):
            read_export(bad)
    bad.write_bytes(data[:-100])
    with pytest.raises(ExportError, match="seal"):
        read_export(bad)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_non_finite_weights_are_refused(trained, value):
    weights = {k: v.copy() for k, v in trained.weights.items()}
    weights["hidden1.weight"][0, 0] = value
    with pytest.raises(ValueError, match=r"hidden1\.weight: must be finite"):
        export(replace(trained, weights=weights), POLICY, "abc")


def test_files_load_again(trained, tmp_path, dataset):
    for name, data in trained.files().items():
        (tmp_path / name).write_bytes(data)
    again = Trained.load(tmp_path)
    assert again.files() == trained.files()
    inputs = dataset.rows.inputs[:50]
    np.testing.assert_array_equal(predict(again.module(), inputs), predict(trained.module(), inputs))


def test_the_scripted_archive_names_no_path(path):
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        for name in archive.namelist():
            assert b"site-packages" not in archive.read(name), name
            assert b"models/" not in archive.read(name), name
