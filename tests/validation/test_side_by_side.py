"""Studies beside one another: what each gives is the same whole in one process and shared out among all."""

import os
from typing import ClassVar, Literal

import pandas as pd
import pytest

from harness.errors import InputError
from harness.simulation.execute import AllCores, Processes, Serial
from harness.studies.outcome import Outcome, StudyDeclaration
from harness.validation.side_by_side import run_studies


def _process(_chunk: int) -> int:
    return os.getpid()


class Told(StudyDeclaration):
    """A study that says in which processes it was collected and its chunks were run."""

    SECONDS_A_STEP: ClassVar[float] = 1.0

    kind: Literal["told"] = "told"
    steps: int = 1
    wrong: bool = False

    def number_names(self):
        return ("collected",)

    def size(self):
        return self.steps

    def run(self, executor, progress=None):
        if self.wrong:
            raise InputError("it cannot be run")
        chunks = pd.DataFrame({"process": list(executor.map(_process, range(4)))})
        if progress:
            progress(self.steps)
        return Outcome({"collected": float(os.getpid())}, {"chunks": chunks})


def _shared_out(found: dict[str, Outcome]) -> set[str]:
    """Studies that this process collected."""
    return {name for name, outcome in found.items() if outcome.numbers["collected"] == os.getpid()}


@pytest.mark.parametrize(
    ("steps", "shared"),
    [
        ({"a": 5}, {"a"}),
        ({"a": 5, "b": 5}, set()),
        ({"a": 5, "b": 4}, {"a", "b"}),
        ({"a": 100, "b": 60, "c": 2, "d": 1, "e": 1}, {"a", "b"}),
        ({"a": 1, "b": 1, "c": 1}, set()),
    ],
)
def test_a_study_longer_than_a_share_of_all_that_are_left_is_shared_out(steps, shared):
    studies = {name: Told(steps=count) for name, count in steps.items()}
    told = []
    found = run_studies(studies, Processes(2), lambda name, share: told.append((name, share)))
    assert set(found) == set(studies)
    assert _shared_out(found) == shared
    for name in set(studies) - shared:  # and its chunks were run where it was collected
        assert set(found[name].tables["chunks"]["process"]) == {int(found[name].numbers["collected"])}
    assert dict(told) == dict.fromkeys(steps, 1.0)  # the last that is told of each


def test_in_one_process_all_are_collected_here_in_their_order():
    studies = {name: Told() for name in "ba"}
    found = run_studies(studies, Serial())
    assert list(found) == ["b", "a"]
    assert _shared_out(found) == {"a", "b"}


def test_no_study_is_no_work():
    assert run_studies({}, AllCores()) == {}


@pytest.mark.parametrize("others", [1, 0])
def test_one_that_cannot_be_run_is_named_wherever_it_runs(others):
    studies = {f"ok {i}": Told() for i in range(others)} | {"x/spec.yaml: studies.y": Told(wrong=True)}
    with pytest.raises(InputError, match=r"^x/spec\.yaml: studies\.y: it cannot be run$"):
        run_studies(studies, Processes(2))
