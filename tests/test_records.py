"""A record of a folder tells what differs since, and nothing else."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import records
from harness.errors import InputError
from harness.records import RECORD, make_record, read_record, stale

FIELDS = ("command", "read", "written", "versions", "code", "more")


@pytest.fixture
def folder(tmp_path):
    """A folder that a command wrote, and one that it read from."""
    root, out = tmp_path / "project", tmp_path / "out"
    root.mkdir()
    out.mkdir()
    (root / "data.csv").write_text("time,value\n1,2\n")
    (root / "model.ant").write_text("A -> B\n")
    (out / "table.csv").write_text("x\n1\n")
    read = [root / "data.csv", root / "model.ant"]
    make_record(out, "cart fit 'my problem.yaml' --out out", read, ["table.csv"], root).save(out)
    return root, out


def test_nothing_differs_where_nothing_was_changed(folder):
    root, out = folder
    record = read_record(out)
    assert record.command == "cart fit 'my problem.yaml' --out out"
    assert set(record.read) == {"data.csv", "model.ant"}
    assert stale(record, out, root) == ([], [])


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("data.csv", "time,value\n1,3\n", "data.csv differs"),
        ("model.ant", "A -> B;\n", "model.ant differs"),
        ("data.csv", None, "data.csv is gone"),
        ("../out/table.csv", "x\n2\n", "table.csv differs"),
        ("../out/table.csv", None, "table.csv is gone"),
    ],
)
def test_what_was_changed_is_named_alone(folder, name, text, said):
    root, out = folder
    (root / name).unlink() if text is None else (root / name).write_text(text)
    assert stale(read_record(out), out, root) == ([said], [])


def test_ends_of_lines_as_another_system_has_them_are_no_change(folder):
    root, out = folder
    (root / "data.csv").write_bytes(b"time,value\r\n1,2\r\n")
    assert stale(read_record(out), out, root) == ([], [])


def test_what_computes_is_told_apart_from_what_was_read(folder, monkeypatch):
    root, out = folder
    record = read_record(out)
    monkeypatch.setattr(records, "code", lambda: "another")
    monkeypatch.setattr(records, "versions", lambda: {**record.versions, "numpy": "0.1"})
    differs, may = stale(record, out, root)
    assert differs == []
    assert may == [f"numpy {record.versions['numpy']} then, 0.1 now", "made by other code of this package"]
    assert stale(replace(record, versions={}, code=""), out, root)[1] == ["made before the code was noted"]


def test_a_file_outside_of_the_project_is_kept_by_its_whole_path(folder, tmp_path):
    root, out = folder
    (tmp_path / "mine.csv").write_text("x\n")
    record = make_record(out, "cart fit", [tmp_path / "mine.csv"], [], root)
    assert list(record.read) == [str(tmp_path / "mine.csv")]
    (tmp_path / "mine.csv").write_text("y\n")
    assert stale(record, out, root)[0] == [f"{tmp_path / 'mine.csv'} differs"]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.one_of(st.none(), st.text(max_size=20), st.dictionaries(st.sampled_from(FIELDS), st.integers())))
def test_what_is_no_record_is_one_line(tmp_path_factory, content):
    place = tmp_path_factory.mktemp("records")
    text = content if isinstance(content, str) else json.dumps(content)
    (place / RECORD).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="is no record"):
        read_record(place)


def test_what_has_no_record_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"has no made\.json"):
        read_record(tmp_path)
    with pytest.raises(InputError, match=r"table\.csv: has no table\.csv\.made\.json"):
        read_record(tmp_path / "table.csv")


def test_a_single_file_has_its_record_beside_it(folder):
    root, out = folder
    made = out / "table.csv"
    make_record(out, "make table", [root / "data.csv"], ["table.csv"], root).save(made)
    record = read_record(made)
    assert record.command == "make table"
    assert read_record(out).command != record.command  # that of the folder stays
    assert stale(record, made, root) == ([], [])
    made.write_text("x\n2\n")
    assert stale(record, made, root)[0] == ["table.csv differs"]
