"""Many studies on the cores of one machine: each done whole by one process, or shared out among all.

Promise: what a study gives depends on its declaration alone, so that it is the same either way. Much of a
study is done by the process that collects, which leaves the other cores idle meanwhile; done whole beside one
another, studies leave none. One that would keep its process when all others have ended is shared out instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from harness.errors import InputError
from harness.simulation.execute import Executor, Processes, Serial
from harness.studies.outcome import Outcome, StudyDeclaration

__all__ = ["TaskProgress", "named", "nobody", "run_studies", "seconds_of"]

TaskProgress = Callable[[str, float], object]
"""What is told of each task by its name: the share of it that is done, 1 when it is complete."""


def nobody(_name: str, _share: float) -> None:
    """Is told and does nothing."""


def seconds_of(study: StudyDeclaration) -> float:
    """About how long a study takes on one core."""
    return study.size() * study.SECONDS_A_STEP


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

    def run(self, executor: Executor, told: TaskProgress = nobody) -> Outcome:
        size, done = max(self.study.size(), 1), 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            told(self.where, min(done / size, 1.0))

        with named(self.where):
            return self.study.run(executor, advance)


def run_studies(
    studies: Mapping[str, StudyDeclaration], executor: Executor, told: TaskProgress = nobody
) -> dict[str, Outcome]:
    """Outcomes of studies, by where each is declared; `told` hears of each by that.

    Raises
    ------
    InputError
        When a study cannot be run, and where that is declared.
    """
    jobs = [_Job(where, study, seconds_of(study)) for where, study in studies.items()]
    whole = _whole(jobs, executor.workers) if isinstance(executor, Processes) else []
    alone = {job.where for job in whole}
    found = {}
    for job in (job for job in jobs if job.where not in alone):
        found[job.where] = job.run(executor, told)
        told(job.where, 1.0)
    for where, outcome in executor.map(_run_alone, whole):
        found[where] = outcome
        told(where, 1.0)
    return found


def _whole(jobs: Sequence[_Job], workers: int) -> list[_Job]:
    """Those to be done whole, the longest first: none takes longer than a worker's share of all of them."""
    left = sorted(jobs, key=lambda job: -job.seconds)
    while left and left[0].seconds * workers > sum(job.seconds for job in left):
        left.pop(0)
    return left


def _run_alone(job: _Job) -> tuple[str, Outcome]:
    return job.where, job.run(Serial())
