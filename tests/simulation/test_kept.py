"""Kept parts: what is damaged, foreign, shortened or widened is made again; two runs never share a folder."""

import importlib.util
import os
import shutil
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.errors import InputError
from harness.models.card import repository
from harness.simulation.kept import KeptParts
from harness.simulation.made_designs import grid
from harness.simulation.plan import plan
from harness.simulation.run import stream


def planned(dose):
    made = plan(
        "xenograft", grid(dose=[dose, 5e6, 1e7]), endpoints=["Cmax", "Tmax"], until=20, shown=["dose"]
    )
    return made.__class__(**{**vars(made), "chunk": 1})


class Stopping:
    """Ctrl-C when all chunks are kept, before they are put together."""

    def map(self, function, chunks):
        yield from map(function, list(chunks))
        raise KeyboardInterrupt


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """The result of a run, and folders of parts of it and of another run, both with all chunks kept."""
    folder = tmp_path_factory.mktemp("kept")
    stream(planned(1e6), folder / "whole.csv")
    for name, dose in (("out.csv", 1e6), ("other.csv", 2e6)):
        with pytest.raises(KeyboardInterrupt):
            stream(planned(dose), folder / name, Stopping())
    return folder


def content(part):
    """Table of a part, and what stands before it."""
    head, _, rows = part.read_bytes().partition(b"\n")
    return head, pq.read_table(pa.BufferReader(rows))


def rewrite(change, keep_head):
    """A damage that writes a good table that is another one, with the old checksum or none."""

    def damage(parts, _other):
        head, table = content(parts[1])
        new = pa.BufferOutputStream()
        pq.write_table(change(table), new)
        parts[1].write_bytes((head + b"\n" if keep_head else b"") + new.getvalue().to_pybytes())

    return damage


def flip(at):
    def damage(parts, _other):
        bytes_ = bytearray(parts[1].read_bytes())
        bytes_[int(at * (len(bytes_) - 1))] ^= 1
        parts[1].write_bytes(bytes_)

    return damage


def cut(share):
    def damage(parts, _other):
        os.truncate(parts[1], int(share * parts[1].stat().st_size))

    return damage


def write(text):
    return lambda parts, _other: parts[1].write_bytes(text)


def swap(parts, _other):
    first, second = parts[1].read_bytes(), parts[2].read_bytes()
    parts[1].write_bytes(second)
    parts[2].write_bytes(first)


def nulls(parts, _other):
    parts[1].write_bytes(bytes(parts[1].stat().st_size))


def more(parts, _other):
    parts[1].write_bytes(parts[1].read_bytes() + b"\0")


def doubled(parts, _other):
    parts[1].write_bytes(parts[0].read_bytes())


def gone(parts, _other):
    parts[1].unlink()


def to_nowhere(parts, _other):
    parts[1].unlink()
    parts[1].symlink_to("nowhere")


CHANGES = {
    "another column": lambda t: t.append_column("more", [[0.0] * len(t)]),
    "a column less": lambda t: t.drop_columns("Cmax"),
    "columns in another order": lambda t: t.select(t.column_names[::-1]),
    "other numbers": lambda t: t.set_column(t.column_names.index("Cmax"), "Cmax", [[1.0] * len(t)]),
    "other rows": lambda t: t.set_column(0, "run", [[0] * len(t)]),
    "no rows": lambda t: t.slice(0, 0),
    "rows twice": lambda t: pa.concat_tables([t, t]),
    "another type": lambda t: t.set_column(0, "run", [["1"] * len(t)]),
    "another compression": lambda t: t.replace_schema_metadata({"a": "b"}),
}
TEXTS = (b"\n", b"PAR1", b"run,status\n1,ok\n", b"0" * 64 + b"\nPAR1")
DAMAGES = {
    **{f"cut to {share:.0%}": cut(share) for share in (0, 0.01, 0.3, 0.7, 0.999)},
    **{f"flipped at {at:.0%}": flip(at) for at in (0, 0.02, 0.1, 0.4, 0.7, 0.95, 1)},
    **{f"{name}, no checksum": rewrite(change, keep_head=False) for name, change in CHANGES.items()},
    **{f"{name}, old checksum": rewrite(change, keep_head=True) for name, change in CHANGES.items()},
    **{f"text {text[:4]}": write(text) for text in TEXTS},
    "of another study": lambda parts, other: shutil.copy(other[1], parts[1]),
    "swapped": swap,
    "the one before": doubled,
    "nulls": nulls,
    "a byte more": more,
    "gone": gone,
    "a link to nowhere": to_nowhere,
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_part_is_run_again(interrupted, tmp_path, name):
    for folder in ("out.csv.parts", "other.csv.parts"):
        shutil.copytree(interrupted / folder, tmp_path / folder)
    parts, other = (sorted((tmp_path / f"{n}.csv.parts").glob("*.part")) for n in ("out", "other"))
    before = parts[1].read_bytes()
    DAMAGES[name](parts, other)
    assert not parts[1].exists() or parts[1].read_bytes() != before
    summary = stream(planned(1e6), tmp_path / "out.csv", resume=True)
    assert (tmp_path / "out.csv").read_bytes() == (interrupted / "whole.csv").read_bytes()
    assert summary.damaged == {"swapped": 2, "gone": 0, "a link to nowhere": 0}.get(name, 1)


def test_a_part_that_is_damaged_while_the_run_goes_on_stops_it_with_a_line(tmp_path):
    class Damaging:
        def map(self, function, chunks):
            yield from map(function, list(chunks))
            part = max((tmp_path / "out.parquet.parts").glob("*.part"))
            part.write_bytes(part.read_bytes()[:-1])

    with pytest.raises(InputError, match="the chunk of row 2 was damaged meanwhile; go on with --resume"):
        stream(planned(1e6), tmp_path / "out.parquet", Damaging())
    assert not (tmp_path / "out.parquet").exists()
    assert stream(planned(1e6), tmp_path / "out.parquet", resume=True).damaged == 1


def kept(folder, key="a", resume=False):
    return KeptParts(folder, key, resume, work="run", parts="chunks")


def test_a_second_run_on_one_folder_stops_with_a_line(tmp_path):
    folder = tmp_path / "parts"
    with kept(folder) as first:
        first.put("1", b"one")
        for resume in (False, True):
            with pytest.raises(InputError, match=r"another process is at work on it; let it end first$"):
                kept(folder, resume=resume)
    with kept(folder, resume=True) as second:
        assert second.get("1") == b"one"
        second.clear()
    assert not folder.exists()


def test_where_there_are_no_locks_parts_are_kept_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    found = importlib.util.find_spec("harness.simulation.kept")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    with module.KeptParts(tmp_path / "parts", "a", False, work="run", parts="chunks") as without:
        without.put("1", b"one")
    with kept(tmp_path / "parts", resume=True) as again:
        assert again.get("1") == b"one"


HOLD = """
import sys
from pathlib import Path
from harness.simulation.kept import KeptParts
held = KeptParts(Path(sys.argv[1]), "a", False, work="run", parts="chunks")
held.put("1", b"one")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_claim_ends_with_its_process_also_when_that_is_killed(tmp_path):
    folder = tmp_path / "parts"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], cwd=repository(), encoding="utf-8",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    with holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InputError, match="another process is at work"):
            kept(folder, resume=True)
        holder.kill()
    with kept(folder, resume=True) as after:
        assert after.get("1") == b"one"


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    for resume in (False, True):
        with pytest.raises(InputError, match="belongs to another run; remove the folder to start anew"):
            kept(folder, resume=resume)
    assert (folder / "mine.txt").read_text() == "mine"
    (folder / "mine.txt").rename(tmp_path / "mine.txt")
    with kept(folder) as begun:  # nothing but the claim of a process that ended at once
        begun.put("1", b"one")
        (tmp_path / "mine.txt").rename(folder / "mine.txt")
        begun.clear()
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot be made: Not a directory$"):
        kept(tmp_path / "file" / "parts")


def test_a_folder_among_the_parts_is_in_nobodys_way(tmp_path):
    (tmp_path / "work").mkdir()
    with KeptParts(tmp_path / "work", "key", False, work="run", parts="chunks") as kept:
        kept.put("one", b"content")
        (tmp_path / "work" / "two.part").mkdir()
        kept.clear()
        assert [path.name for path in (tmp_path / "work").iterdir()] == ["two.part"]
