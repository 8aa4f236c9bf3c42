"""Many studies on the cores of one machine: each done whole by one process, or shared out among all.

Promise: what a study gives depends on its declaration alone, so that it is the same either way. Much of a
study is done by the process that collects, which leaves the other cores idle meanwhile; done whole beside one
another, studies leave none. One that would keep its process when all others have ended is shared out instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from harness.errors import InputError
from harness.simulation.execute import Executor, Processes, Serial
from harness.studies.outcome import Outcome, Progress, StudyDeclaration

__all__ = ["named", "run_studies"]


@contextmanager
def named(where: str) -> Iterator[None]:
    """Name file and field in an error of what is run."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


@dataclass(frozen=True)
class _Job:
    """A study, where it is declared, and how long it takes, about."""

    where: str
    study: StudyDeclaration
    seconds: float

    def run(self, executor: Executor, progress: Progress | None = None) -> Outcome:
        with named(self.where):
            return self.study.run(executor, progress)


def run_studies(
    studies: Mapping[str, StudyDeclaration], executor: Executor, progress: Progress | None = None
) -> dict[str, Outcome]:
    """Outcomes of studies, by where each is declared.

    Raises
    ------
    InputError
        When a study cannot be run, and where that is declared.
    """
    jobs = [_Job(where, study, study.size() * study.SECONDS_A_STEP) for where, study in studies.items()]
    whole = _whole(jobs, executor.workers) if isinstance(executor, Processes) else []
    alone = {job.where for job in whole}
    found = {job.where: job.run(executor, progress) for job in jobs if job.where not in alone}
    for where, outcome in executor.map(_run_alone, whole):
        found[where] = outcome
        if progress:
            progress(studies[where].size())
    return found


def _whole(jobs: Sequence[_Job], workers: int) -> list[_Job]:
    """Those to be done whole, the longest first: none takes longer than a worker's share of all of them."""
    left = sorted(jobs, key=lambda job: -job.seconds)
    while left and left[0].seconds * workers > sum(job.seconds for job in left):
        left.pop(0)
    return left


def _run_alone(job: _Job) -> tuple[str, Outcome]:
    return job.where, job.run(Serial())
