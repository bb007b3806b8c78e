"""What cannot be read is refused by file, and by line where there is one."""

from pathlib import Path

import pytest

from pipelines.sources.files import read_file


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.csv", b"", r"a\.csv: must hold a header and rows, was empty"),
        ("a.csv", b"t,v\n1,2\n3,4,5\n", r"a\.csv:3: must have at most 2 fields, was 3"),
        ("a.csv", "t,v\n1,é\n".encode("latin1"), r"a\.csv:2: must be UTF-8, was b'1,"),
        ("a.parquet", b"PAR1 cut", r"a\.parquet: must be whole, was not"),
        ("a.feather", b"ARROW1", r"a\.feather: must be whole, was not"),
        ("a.jsonl", b'{"t": 1}\n{"t": ', r"a\.jsonl:2: must be JSON, was '\{\"t\": '"),
        ("a.jsonl", b"3\n", r"a\.jsonl: must be a list of objects"),
        ("a.json", b'{"a": [1,\n', r"a\.json:2: must be JSON, was not"),
        ("a.json", b"[]", r"a\.json: must be a list of objects"),
        ("a.json", b"\xff", r"a\.json: must be whole, was not"),
    ],
)
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ValueError, match=message):
        read_file(tmp_path / name)


def test_rows_of_json_may_lack_keys(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"t": 1, "v": 2.5}\n\n{"t": 2}\n')
    assert read_file(tmp_path / "a.jsonl").rows() == [(1, 2.5), (2, None)]
