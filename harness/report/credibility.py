"""Tables of credibility: what was measured, laid beside the factors that reviewers ask about.

Promise: each line says what was counted and where it stands; what depends on the use of the model is the
user's, and open until they say it. No letter or grade is given. The factors are those of ASME V&V 40, as
applied to pharmacokinetic and systems models (Kuemmel 2020, doi:10.1002/psp4.12479).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.models.check import Issue
from harness.models.provenance import Parameter
from harness.report.summary import BEYOND, TESTED
from harness.validation.credibility import ContextOfUse
from harness.validation.suite import PanelResult, Score, Verdict

__all__ = ["Factor", "factors", "use_lines"]


@dataclass(frozen=True)
class Factor:
    """One line of a table: what is asked, what was found or said (empty is open), and where that stands."""

    activity: str
    factor: str
    found: str
    links: tuple[tuple[str, str], ...] = ()
    of_user: bool = False


def use_lines(use: ContextOfUse) -> list[Factor]:
    """What ICH M15 asks of the use of a model, in the user's words."""
    asked = {
        "question of interest": use.question,
        "context of use": use.context,
        "influence of the model": use.influence,
        "consequence of a wrong decision": use.consequence,
        "criteria, set beforehand": use.criteria,
    }
    return [Factor("use", what, said, of_user=True) for what, said in asked.items()]


def factors(
    results: Sequence[PanelResult],
    checks: Mapping[str, Sequence[Issue]],
    parameters: Sequence[Parameter],
    discrepancies: int,
    use: ContextOfUse,
) -> list[Factor]:
    """The thirteen factors, with what was measured here."""
    own = [result for result in results if not result.spec.figure.startswith(BEYOND)]
    golden = [r for r in own if _tested(r, "golden")]
    equations = [r for r in own if _tested(r, "internal")]
    data, text = ([r for r in own if _tested(r, kind)] for kind in ("data", "text"))
    without = [r for r in own if any(s.verdict is Verdict.NO_DATA for s in r.scores)]
    messages = sum(map(len, checks.values()))
    estimated = [row for row in parameters if row.status == "estimated"]
    code, calculation = "verification of the code", "verification of the calculation"
    model, comparator = "validation: model", "validation: comparator"
    assessment, applicability = "validation: assessment", "applicability"
    return [
        Factor(
            code,
            "quality of software",
            f"{len(checks)} models checked with strict units, {messages} messages; the tests are make test,"
            " make coverage and make mutants",
            (("SBML files", "sbml"),),
        ),
        Factor(code, "numbers of other code and tools", _met(golden, "golden"), _links(golden)),
        Factor(
            calculation,
            "time and output grids",
            "endpoints depend on no output grid, by a test of every model; python -m benchmarks.accuracy",
        ),
        Factor(
            calculation,
            "error of the solver",
            "python -m benchmarks.accuracy against integration at a relative tolerance of 1e-13;"
            f" properties that the equations must have: {_met(equations, 'internal')}",
            _links(equations),
        ),
        Factor(
            calculation,
            "error of use",
            "every kind of file that is read is fuzzed; an input that does not fit is one line",
        ),
        Factor(
            model,
            "form of the model",
            f"{discrepancies} discrepancies, each with a choice, its reason and the other readings",
            (("ledger", "ledger"),),
        ),
        Factor(
            model,
            "inputs of the model",
            f"{len(parameters)} values, each with its source; {len(estimated)} estimated,"
            f" {sum(row.RSE is not None for row in estimated)} of them with a standard error,"
            f" {sum(row.omega is not None for row in parameters)} with a spread between patients",
            (("parameters", "parameters"),),
        ),
        Factor(
            comparator,
            "what it is compared with",
            f"observations in {_figures(data)}; statements of the article in {_figures(text)};"
            f" no published numbers for {_figures(without)}",
            _links(data, text, without),
        ),
        Factor(
            comparator,
            "conditions of the comparison",
            "; ".join(
                f"{r.spec.figure}: {r.spec.title}" for r in own if _tested(r, "data") or _tested(r, "text")
            ),
        ),
        Factor(
            assessment,
            "same inputs on both sides",
            "values of the article; where it is ambiguous, every reading is scored",
            (("ledger", "ledger"),),
        ),
        Factor(
            assessment,
            "comparison of outputs",
            f"data: {_met(data, 'data')}; text: {_met(text, 'text')}; {_missed(own)}",
            _links(data, text),
        ),
        Factor(applicability, "quantities of interest", use.question, of_user=True),
        Factor(applicability, "relevance to the context of use", use.relevance, of_user=True),
    ]


def _tested(result: PanelResult, evidence: str) -> list[Score]:
    return [s for s in result.scores if s.target.evidence == evidence and s.verdict in TESTED]


def _met(results: Iterable[PanelResult], evidence: str) -> str:
    scores = [score for result in results for score in _tested(result, evidence)]
    return f"{sum(score.verdict is Verdict.MET for score in scores)} of {len(scores)} met"


def _missed(results: Iterable[PanelResult]) -> str:
    scores = [score for result in results for score in result.scores]
    counts = {v: sum(score.verdict is v for score in scores) for v in Verdict}
    return (
        f"{counts[Verdict.NOT_REPRODUCIBLE]} not reproducible from the published specification,"
        f" {counts[Verdict.NOT_MET_BY_READING]} not met by a reading of this project"
    )


def _figures(results: Iterable[PanelResult]) -> str:
    return ", ".join(result.spec.figure for result in results) or "none"


def _links(*groups: Iterable[PanelResult]) -> tuple[tuple[str, str], ...]:
    """Figures with the places of their panels, each once."""
    return tuple(dict.fromkeys((r.spec.figure, r.spec.panel) for group in groups for r in group))
