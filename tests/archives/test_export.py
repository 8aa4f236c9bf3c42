"""Exports: each format holds the use of the model, doses and values included, and says so when it cannot."""

import math
import re

import antimony
import libsbml
import numpy as np
import pandas as pd
import pytest
from matplotlib.mathtext import MathTextParser

from harness.archives.export import FORMATS, export
from harness.errors import InputError
from harness.exchange.agreement import absolute_tolerances
from harness.exchange.convert import level_2_text
from harness.exchange.rhs import python_text
from harness.exchange.tools import run_tool
from harness.exchange.use import use_of
from harness.models.catalog import model_names
from harness.models.check import Consistency
from harness.models.equations import read_equations
from harness.simulation.simulate import simulate

DOSES = ["1e8", "5e7@10.3", "1e8@20.2 for 1 day"]


def used(name):
    return use_of(name, doses=None if name == "in_vitro" else DOSES)


def differs(use, sbml, tool="libroadrunner", until=None):
    """Largest difference over the tolerance between a file in a tool and the engine."""
    times = np.linspace(0, until or use.card.until, 41)
    expected = use.expected(times).iloc[:, 1:].to_numpy()
    found = run_tool(tool, sbml, times, use.card.observables)
    atol = np.array([absolute_tolerances()[name].atol for name in use.card.observables])
    return np.max(np.abs(found - expected) / (atol + 1e-5 * np.abs(expected)))


def written(use, name, tmp_path):
    path = tmp_path / f"exported{FORMATS[name].suffix}"
    export(use, name, path)
    return path.read_text("utf-8")


@pytest.mark.parametrize("version", ["sbml-l3v2", "sbml-l3v1", "sbml-solver"])
@pytest.mark.parametrize("name", model_names())
def test_sbml_with_a_regimen_draws_no_message_of_libsbml(name, version, tmp_path):
    assert list(Consistency().messages(written(used(name), version, tmp_path))) == []


@pytest.mark.parametrize("name", model_names())
def test_level_2_gives_the_numbers_of_the_engine(name, tmp_path):
    """The files of Level 3 are run, with repeated doses, by the tests of the agreement."""
    use = used(name)
    assert differs(use, written(use, "sbml-l2v4", tmp_path)) <= 1


@pytest.mark.parametrize("version", ["sbml-l3v2", "sbml-l3v1", "sbml-l2v4", "sbml-solver", "antimony"])
def test_what_is_exported_with_doses_is_read_back_with_the_numbers_of_the_engine(version, tmp_path):
    use, times = used("clinical"), np.linspace(0, 40, 41)
    path = tmp_path / f"exported{FORMATS[version].suffix}"
    export(use, version, path)
    read = ["transgene", "sBCMA", "M_protein"]
    found = simulate(path, times=times, observables=read)
    np.testing.assert_allclose(found.to_dataframe()[read], use.expected(times)[read], rtol=1e-3)


def test_level_2_draws_only_the_messages_about_numbers_without_units(tmp_path):
    for name in model_names():
        messages = Consistency().messages(written(used(name), "sbml-l2v4", tmp_path))
        assert all("libSBML 99505" in text for _, text in messages)


def test_level_2_has_no_units_on_the_numbers_of_rules_initial_values_and_rates():
    antimony.clearPreviousLoads()
    lines = (
        "unit mL = 1e-3 litre",
        "k = 1",
        "y := 2 mL*k",
        "x = 3 mL*k",
        "x' = 4 mL*k",
        "J: S -> ; 5 mL*k*S",
    )
    assert antimony.loadAntimonyString("\n".join(["model a()", *lines, "end"])) != -1, antimony.getLastError()
    sbml = antimony.getSBMLString("a")
    assert sbml.count('sbml:units="mL"') == 4
    converted = "".join(re.findall(r"<(?:cn|math)[^>]*>", level_2_text(sbml)))
    assert "units=" not in converted
    assert "xmlns:sbml" not in converted


@pytest.mark.parametrize("name", model_names())
@pytest.mark.quick
def test_antimony_compiles_to_the_same_model(name, tmp_path):
    use = used(name)
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(written(use, "antimony", tmp_path)) != -1
    assert differs(use, antimony.getSBMLString(use.card.id)) <= 1
    antimony.clearPreviousLoads()


def test_an_infusion_from_the_start_and_a_second_one_agree_in_copasi():
    use = use_of("clinical", doses=["1e8@0 for 2 hours", "1e7@0.5", "5e7@30 for 1 day"], until=100)
    assert differs(use, use.sbml(), "copasi", until=100) <= 1


@pytest.mark.parametrize("name", model_names())
def test_rxode2_equals_the_right_hand_side_term_by_term(name, tmp_path):
    """The text is read back, line by line, and each line evaluated where the right-hand side is."""
    use = use_of(name)
    text = written(use, "rxode2", tmp_path)
    module: dict = {}
    exec(python_text(read_equations(use.sbml())), module)
    rng = np.random.default_rng(1)
    for _ in range(5):
        state = rng.lognormal(3, 2, len(module["STATES"]))
        values = {
            "exp": math.exp,
            "log": math.log,
            "t": 1.7,
            **dict(zip(module["STATES"], state, strict=True)),
        }
        rates, start = {}, {}
        for line in text.splitlines()[1:-1]:
            left, _, right = line.partition(" = ")
            value = eval(right.replace("^", "**"), values)
            if found := re.fullmatch(r"\s*d/dt\((\w+)\)", left):
                rates[found[1]] = value
            elif found := re.fullmatch(r"\s*(\w+)\(0\)", left):
                start[found[1]] = value
            else:
                values[left.strip()] = value
        np.testing.assert_allclose(
            [rates[s] for s in module["STATES"]], module["rhs"](1.7, state), rtol=1e-14
        )
        np.testing.assert_allclose([start[s] for s in module["STATES"]], module["initial"](), rtol=1e-14)
        for formula, value in module["formulas"](1.7, state).items():
            assert values[formula] == pytest.approx(value, rel=1e-14)


def test_rxode2_gives_later_doses_as_an_event_table(tmp_path):
    text = written(used("clinical"), "rxode2", tmp_path)
    assert "  dose = 100000000.0\n" in text
    assert 'et(amt = 50000000.0, time = 10.3, cmt = "CARTe_b")' in text
    assert 'et(amt = 100000000.0, time = 20.2, dur = 1.0, cmt = "CARTe_b")' in text


def test_doses_of_one_time_are_one_event():
    """Two events at one time would both add to what was there before, and one dose would be lost."""
    use = use_of("clinical", doses=["1x", "1e8@10", "0.5x@10", "1e7@10 for 1"])
    assert libsbml.readSBMLFromString(use.sbml()).getModel().getParameter("dose_3").getValue() == 1.75e8
    assert differs(use, use.sbml(), until=60) <= 1


def test_the_python_text_holds_the_later_doses(tmp_path):
    module: dict = {}
    exec(written(used("clinical_waning"), "python", tmp_path), module)
    assert module["moments"]() == [10.3, 20.2, 20.2 + 1]
    before = module["initial"]()
    changed = {}
    for time in [*module["moments"](), 5.0]:
        pairs = zip(module["STATES"], before, module["after"](time, before), strict=True)
        changed[time] = {name: new - old for name, old, new in pairs if new != old}
    assert changed == {
        10.3: {"CARTe_b": 5e7, "t_last_dose": 10.3},
        20.2: {"dose_3_on": 1, "t_last_dose": 20.2},
        20.2 + 1: {},
        5.0: {},
    }
    assert module["after"](20.2 + 1, [1.0] * len(before)).count(0) == 1


def test_names_that_the_python_text_uses_stay_its_own(tmp_path):
    module: dict = {}
    path = tmp_path / "names.ant"
    path.write_text(
        "model m()\n  rhs = 2; moments = 3; given = 1; initial = 0.5; states = 1\n"
        "  states' = -rhs*states*initial\n"
        "  at (time >= 1): states = states + moments*given\nend", "utf-8",
    )  # fmt: skip
    exec(python_text(read_equations(use_of(str(path)).sbml())), module)
    assert module["rhs"](0, [7.0]) == [-7.0]
    assert module["after"](1, [7.0]) == [10.0]


def test_each_dose_sets_the_clock_of_a_model_that_has_one(tmp_path):
    use = used("clinical_waning")
    model = libsbml.readSBMLFromString(use.sbml()).getModel()
    assert not model.getParameter("t_last_dose").getConstant()
    events = [model.getEvent(name) for name in ("give_dose_2", "start_dose_3")]
    setting = [event.getEventAssignment("t_last_dose").getMath().getName() for event in events]
    assert setting == ["dose_2_time", "dose_3_time"]
    assert model.getEvent("stop_dose_3").getEventAssignment("t_last_dose") is None
    text = written(use, "rxode2", tmp_path)
    assert "  t_last_dose(0) = 0" in text
    assert "  d/dt(t_last_dose) = 0" in text
    assert "t_last_dose = 0.0" not in text
    for time in ("10.3", "20.2"):
        assert f'et(amt = {time}, time = {time}, evid = 5, cmt = "t_last_dose") |>\n  et(amt = ' in text


@pytest.mark.parametrize("name", model_names())
def test_latex_and_markdown_hold_every_symbol_and_latex_can_be_set(name, tmp_path):
    use = used(name)
    equations = read_equations(use.sbml())
    markdown, latex = written(use, "markdown", tmp_path), written(use, "latex", tmp_path)
    for symbol in [*equations.constants, *equations.rates, *equations.formulas]:
        assert re.search(rf"\b{symbol}\b", markdown)
    body = re.search(r"begin{align\*}\n(.*)\n\\end{align", latex, re.DOTALL)[1]
    lines = body.split(" \\\\\n")
    assert len(lines) >= 2 * len(equations.rates) + len(equations.formulas)
    parser = MathTextParser("path")
    for line in lines[::5]:
        parser.parse(f"${line.replace('&', '').replace(chr(92) + 'text', chr(92) + 'mathrm')}$")


def test_a_case_and_a_time_course_go_on_to_the_last_dose_and_beyond(tmp_path):
    use = use_of("clinical", doses=["1e8", "1e8@400"], until=480)
    export(use, "testsuite", tmp_path / "case")
    results = pd.read_csv(tmp_path / "case" / "clinical-results.csv", float_precision="round_trip")
    assert results.time.iloc[-1] == 480
    assert "duration: 480\n" in (tmp_path / "case" / "clinical-settings.txt").read_text("utf-8")
    assert results.transgene[results.time == 400].item() > 1e8 * 0.002 / 5
    assert 'outputEndTime="480"' in written(use, "sedml", tmp_path)


@pytest.mark.parametrize("tool", ["libroadrunner", "copasi", pytest.param("amici", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["clinical", "xenograft", "in_vitro"])
def test_a_case_in_the_layout_of_the_test_suite_is_met_by_each_tool(name, tool, tmp_path, request):
    if tool == "amici":
        request.getfixturevalue("amici")
    use = use_of(name)
    export(use, "testsuite", tmp_path / "case")
    folder = tmp_path / "case"
    lines = (folder / f"{name}-settings.txt").read_text("utf-8").splitlines()
    settings = dict(line.split(":", 1) for line in lines)
    results = pd.read_csv(folder / f"{name}-results.csv", float_precision="round_trip")
    observables = [variable.strip() for variable in settings["variables"].split(",")]
    times = np.linspace(0, float(settings["duration"]), int(settings["steps"]) + 1)
    np.testing.assert_allclose(results.time, times)
    for version in ("l3v1", "l3v2"):
        text = (folder / f"{name}-sbml-{version}.xml").read_text("utf-8")
        found = run_tool(tool, text, times, observables)
        expected = results[observables].to_numpy()
        allowed = float(settings["absolute"]) + float(settings["relative"]) * np.abs(expected)
        assert (np.abs(found - expected) <= allowed).all()


def test_values_doses_and_readings_stand_in_the_file():
    use = use_of("clinical", doses=["1e8", "5e7@10"], changes={"V_b": "4 L"}, readings="as_run")
    model = libsbml.readSBMLFromString(use.sbml()).getModel()
    assert model.getParameter("dose").getValue() == 1e8
    assert model.getParameter("dose_2").getValue() == 5e7
    assert all(event.getNotesString() for event in model.getListOfEvents())
    infused = libsbml.readSBMLFromString(
        use_of("clinical", doses=["1e8", "2e7@9 for 2 days"]).sbml()
    ).getModel()
    assert (
        sum("2e+07 cells over the duration" in r.getNotesString() for r in infused.getListOfReactions()) == 1
    )
    assert model.getParameter("K_on").getValue() == 7.103e4
    assert model.getCompartment("V_b").getSize() == 4
    assert model.getNumEvents() == 1


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("sbml", {}, "no format 'sbml'"),
        ("omex", {"doses": ["1e6"]}, "declared as a whole"),
        ("petab", {"changes": {"K_12": 1}}, "declared as a whole"),
        ("omex", {"until": "5 days"}, "it takes no --dose, --set, --reading, --condition or --until"),
        ("biomodels", {"until": 400}, "it takes no --dose, --set, --reading, --condition or --until"),
        ("sbml-solver", {"doses": []}, "needs a dose at time 0"),
    ],
)
def test_what_a_format_cannot_hold_is_told_in_one_line(name, given, said, tmp_path):
    with pytest.raises(InputError, match=said):
        export(use_of("clinical", **given), name, tmp_path / "x.xml")
    assert list(tmp_path.iterdir()) == []


def test_formats_that_plain_equations_fill_and_those_of_this_project_refuse_other_models(tmp_path):
    own = tmp_path / "own.ant"
    own.write_text(
        "model m()\n compartment C=0; species S1 in C; S1->; k*S1; S1=1; k=1\nend", encoding="utf-8"
    )
    for name, said in (("python", "compartment C has the size 0"), ("biomodels", "models of this project")):
        with pytest.raises(InputError, match=said):
            export(use_of(str(own)), name, tmp_path / "x.py")
    assert list(tmp_path.iterdir()) == [own]


def test_doses_that_follow_an_observable_are_refused(tmp_path):
    from harness.simulation.regimen import Redosing, Regimen

    rule = Redosing(1e8, "M_protein", 0.25, 28, 56)
    with pytest.raises(InputError, match="follow an observable"):
        export(use_of("clinical", doses=Regimen((), rule)), "sbml-l3v2", tmp_path / "x.xml")


def test_a_path_that_cannot_be_written_is_told_before_work(tmp_path):
    use = use_of("in_vitro")
    with pytest.raises(InputError, match=r"suffix must be one of \.xml"):
        export(use, "sbml-l3v2", tmp_path / "x.txt")
    with pytest.raises(InputError, match="does not exist"):
        export(use, "testsuite", tmp_path / "no" / "x")
    (tmp_path / "there").mkdir()
    with pytest.raises(InputError, match="is there already"):
        export(use, "testsuite", tmp_path / "there")


@pytest.mark.parametrize("text", ["", "no xml", "<html/>", "<sbml xmlns='x'/>"])
def test_what_is_no_sbml_is_told_in_one_line(text):
    with pytest.raises(InputError, match="not SBML"):
        read_equations(text)
