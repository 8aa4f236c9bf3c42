"""A user's own model: right numbers by the same commands, or one line that says what is not supported."""

import re

import antimony
import basico
import libsbml
import numpy as np
import pytest
import roadrunner
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cli.main import run as command_line
from harness.errors import InputError
from harness.exchange.tools import run_tool
from harness.exchange.use import use_of
from harness.models.card import repository
from harness.models.catalog import load_card
from harness.models.imported import import_model
from harness.models.loading import load
from harness.models.ruled import free_ruled
from harness.models.symbols import read_symbols
from harness.simulation.execute import Processes
from harness.simulation.made_designs import grid
from harness.simulation.plan import plan
from harness.simulation.run import run
from harness.simulation.simulate import simulate

MODELS = {
    "initial_assignment": "model m()\n S1->S2; k*S1; S1=a*2; a=3; k=0.3; S2=0\nend",
    "event_with_delay": "model m()\n S1->; k*S1; S1=10; k=0.5; at 1 after (S1<3): S1=10\nend",
    "event_with_priority": "model m()\n S1->; k*S1; S1=10; k=0.5; x=0; at (time>=2), priority=1: S1=x+5;"
    " at (time>=2), priority=2: x=3\nend",
    "event_at_the_start": "model m()\n S1->; k*S1; S1=10; k=0.5; at (time>=0), t0=false: S1=20\nend",
    "event_on_a_parameter": "model m()\n S1->; k*S1; S1=10; k=0.5; at (time>3): k=0.1\nend",
    "rate_rules": "model m()\n x=1; y=0; x'=y; y'=-x; S->; 0.1*S; S=1\nend",
    "assignment_rules": "model m()\n S1->S2; v; v:=k*S1/(K+S1); S1=5; S2=0; k=1; K=0.5; tot:=S1+S2\nend",
    "a_volume": "model m()\n compartment C=2.5; species S1 in C, S2 in C;"
    " S1->S2; C*k*S1; S1=5; S2=0; k=1\nend",
    "boundary_species": "model m()\n $X->S; k*X; S->; d*S; X=3; S=0; k=1; d=0.2\nend",
    "a_sink_without_value": "model m()\n S->$X; k*S; S=2; k=1\nend",
    "piecewise": "model m()\n S->; k*S; k:=piecewise(1,time<2,0.1); S=7\nend",
    "a_function": "function f(x,y)\n x*y\nend\nmodel m()\n S->; f(k,S); k=0.4; S=7\nend",
    "submodels": "model a()\n S->; k*S; S=4; k=0.2\nend\nmodel *m()\n A: a(); B: a();\nend",
    "values_below_zero": "model m()\n x=-2; k=-0.3; x'=k*x; S=1; S->; 0.1*S+0.3\nend",
    "species_under_rules": "model m()\n compartment c=2; species A in c, B in c, T in c, U in c;"
    " substanceOnly species W in c; A=10; B=0; k=0.1; U=4; U'=-0.3*U; W=3; W'=-W*U; T:=A+B;"
    " J: A->B; k*A*c\nend",
    "a_volume_alone": "model m()\n compartment V=1; V'=0.1\nend",
    "set_by_events_alone": "model m()\n k=1; at (time>=2): k=3; at (time>=4): k=k/2\nend",
    "nothing_changes": "model m()\n k=1; q=2\nend",
    "named_as_what_runs_it": "model m()\n S->; reset*S; S=3; reset=0.1; simulate=2; simulate'=-simulate\nend",
    "a_rate_that_is_read": "model m()\n S=10; k=0.3; S'=-k*S; T=1; J: T->; k*T; v:=rateOf(S);"
    " w:=rateOf(T)\nend",
    "a_python_keyword": "model m()\n lambda=0.4; S=3; S->; lambda*S\nend",
}
TIMES = np.linspace(0, 10, 51)


def sbml_of(text):
    antimony.clearPreviousLoads()
    antimony.setBareNumbersAreDimensionless(False)
    assert antimony.loadAntimonyString(text) != -1, antimony.getLastError()
    sbml = antimony.getSBMLString("m")
    antimony.clearPreviousLoads()
    return sbml


@pytest.mark.parametrize("name", MODELS)
def test_an_own_model_gives_the_numbers_of_roadrunner_and_of_copasi(own, name):
    path = own(MODELS[name] + "\n")
    found = simulate(path, times=TIMES)
    assert found.attrs["status"] == "ok"
    original = sbml_of(MODELS[name])
    symbols = [o for o in load_card(path).observables if not o.startswith("conc_")]
    judge = load(original)
    judge.integrator.relative_tolerance, judge.integrator.absolute_tolerance = 1e-9, 1e-13
    judge.selections = symbols
    expected = np.array(judge.simulate(0, 10, 51))
    ours = np.array([found[symbol].to_numpy() for symbol in symbols]).T
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())
    model = basico.import_sbml(original)
    species = basico.get_species(model=model)
    for symbol in [] if species is None else [s for s in symbols if s in species.index]:
        table = basico.run_time_course_with_output(
            [f"[{symbol}]"], values=TIMES.tolist(), start_time=0, use_initial_values=True, r_tol=1e-9,
            a_tol=1e-13, model=model,
        )  # fmt: skip
        size = basico.get_compartments(
            species.compartment[symbol], exact=True, model=model
        ).initial_size.iloc[0]
        theirs = table.to_numpy()[:, 0] * size
        np.testing.assert_allclose(
            found[symbol].to_numpy(), theirs, rtol=1e-5, atol=1e-6 * max(np.abs(theirs).max(), 1e-3)
        )
    basico.remove_datamodel(model)


@pytest.mark.parametrize(("level", "version"), [(1, 2), (2, 1), (2, 4), (3, 1)])
def test_older_levels_give_the_same_numbers(own, level, version):
    document = libsbml.readSBMLFromString(sbml_of(MODELS["a_volume"]))
    assert document.setLevelAndVersion(level, version, False)
    old = simulate(own(libsbml.writeSBMLToString(document), "old.xml"), times=TIMES)
    new = simulate(own(MODELS["a_volume"] + "\n"), times=TIMES)
    np.testing.assert_allclose(old.S2.to_numpy(), new.S2.to_numpy(), rtol=1e-9)


def test_the_start_of_a_state_can_be_set_and_its_concentration_read(own):
    path = own(MODELS["a_volume"] + "\n")
    found = simulate(path, changes={"init_S1": 2, "k": 0}, observables=["S1", "conc_S1"], times=TIMES)
    assert found.conc_S1.to_numpy() == pytest.approx(2)
    assert found.S1.to_numpy() == pytest.approx(5)


def test_a_scan_works_in_workers_with_calls_of_endpoints(own):
    path = own(MODELS["rate_rules"] + "\n")
    planned = plan(path, grid(init_x=[1, 2, 3]), endpoints=["highest(y)", "lowest(x)"], times="0:10:0.02")
    planned = type(planned)(planned.study, planned.design, planned.symbols, chunk=1)
    here, there = run(planned), run(planned, Processes(2))
    assert here.equals(there)
    np.testing.assert_allclose(here["lowest_x"], [-1, -2, -3], rtol=1e-3)


@pytest.mark.quick
def test_a_card_beside_the_file_declares_dose_observables_and_endpoints(own):
    path = own("model m()\n dose=100; K=0.5; S->; K*S; S=dose; effect:=2*S\nend\n")
    own(
        "title: One compartment\nuntil: 20\nobservables: [effect]\n"
        "dose: {parameter: dose, species: S}\nendpoints: {top: {function: highest, observable: effect}}\n",
        "own.yaml",
    )
    assert load_card(path).title == "One compartment"
    found = simulate(path, doses=["100", "50@10"], times=[0, 9.999, 10, 20])
    assert found.effect.to_numpy()[[0, 1, 3, 4]] == pytest.approx(
        2
        * np.array([100, 100 * np.exp(-4.9995), 50 + 100 * np.exp(-5), (50 + 100 * np.exp(-5)) * np.exp(-5)]),
        rel=1e-5,
    )
    table = run(plan(path, grid(dose=[100, 200])))
    np.testing.assert_allclose(table["top"], [200, 400], rtol=1e-6)


def test_a_changed_file_is_read_again(own):
    assert simulate(own("model m()\n S->; 0.5*S; S=1\nend\n"), times=[0, 1]).S[0] == 1
    assert simulate(own("model m()\n S->; 0.5*S; S=2\nend\n"), times=[0, 1]).S[0] == 2


def test_symbols_without_units_say_nothing_about_units(own):
    symbols = read_symbols(import_model(own(MODELS["rate_rules"] + "\n")).sbml_path())
    assert symbols["x"].unit == ""


def test_species_under_rules_in_a_volume_that_grows(own):
    path = own(
        "model m()\n compartment V=1; V'=0.1; species A in V, R in V, Q in V; A=10; R=5; R'=0.2; Q:=2*A;"
        " J: -> A; 0.5; at (time >= 4): R = 1; v := rateOf(R)\nend\n"
    )
    read = ["V", "A", "conc_A", "R", "conc_R", "Q", "J", "v"]
    found = simulate(path, times=[0, 2, 10], changes={"init_R": 6}, observables=read)
    volume, amount, rate = np.array([1, 1.2, 2]), np.array([10, 11, 15]), np.array([6, 6.4, 2.2])
    right = [
        volume,
        amount,
        amount / volume,
        rate * volume,
        rate,
        2 * amount,
        np.full(3, 0.5),
        np.full(3, 0.2),
    ]
    rows = np.searchsorted(found.time, [0, 2, 10], "right") - 1
    for name, values in zip(read, right, strict=True):
        np.testing.assert_allclose(found[name][rows], values, rtol=1e-6, err_msg=name)


def test_an_event_at_the_start_happens_once(own):
    path = own(
        "model m()\n x=3; y=0; at (x>2), t0=false, priority=10: x=7;"
        " at (x>2), t0=false, priority=5, fromTrigger=true: y=x\nend\n"
    )
    for _ in range(2):  # nothing of the first run is left
        found = simulate(path, times=[0, 1], changes={})
        np.testing.assert_array_equal([found.x, found.y], [[7, 7], [3, 3]])
    np.testing.assert_array_equal(simulate(path, times=[0, 1], changes={"x": 4}).y, [4, 4])


def test_what_is_below_nothing_may_take_others_there(own):
    found = simulate(own("model m()\n S1=1; S2=1; S1->; 2; ->S2; S1\nend\n"), times=[0, 1, 4])
    assert found.attrs["status"] == "ok"
    np.testing.assert_allclose(found.S2, [1, 1, -11], rtol=1e-5)


def test_an_event_that_sets_a_volume_leaves_the_amount_of_a_concentration_with_a_rate(own):
    path = own(
        "model m()\n compartment V=2; species S in V, R in V; S=3; S'=0.1; R=1; R'=0;"
        " at (time>=5): V=0.5, R=4\nend\n"
    )
    found = simulate(path, times=[0, 4, 10], observables=["conc_S", "S", "conc_R", "V"])
    rows = np.searchsorted(found.time, [0, 4, 10], "right") - 1
    np.testing.assert_allclose(found.conc_S[rows], [3, 3.4, 3.5 * 2 / 0.5 + 0.5], rtol=1e-6)
    np.testing.assert_allclose(found.S[rows], [6, 6.8, 3.5 * 2 + 0.25], rtol=1e-6)
    np.testing.assert_allclose(found.conc_R[rows], [1, 1, 4 * 2 / 0.5], rtol=1e-6)
    late = own("model m()\n compartment V=2; species S in V; S=3; S'=0.1; at 1 after (time>=5): V=1\nend\n")
    with pytest.raises(InputError, match="after a delay"):
        simulate(late)


SIDES = st.lists(st.tuples(st.sampled_from(["product", "reactant"]), st.sampled_from([None, "set", "grows"])),
                 min_size=1, max_size=4)  # fmt: skip


@settings(derandomize=True, deadline=None, max_examples=25)
@given(sides=SIDES)
def test_a_species_named_several_times_changes_by_the_sum_of_its_stoichiometries(sides):
    document = libsbml.readSBMLFromString(sbml_of("model m()\n species S; S=0; J: -> X; 2\nend"))
    model, net = document.getModel(), 0.0
    reaction = model.getReaction(0)
    for i, (side, kind) in enumerate(sides):
        reference = reaction.createProduct() if side == "product" else reaction.createReactant()
        reference.setSpecies("S")
        reference.setConstant(kind is None)
        reference.setStoichiometry(3)
        reference.setId(f"n{i}")
        if kind is not None:
            rule = model.createAssignmentRule() if kind == "set" else model.createRateRule()
            rule.setVariable(f"n{i}")
            rule.setMath(libsbml.parseL3Formula("1 + 1" if kind == "set" else "4"))
        net += {None: 3, "set": 2, "grows": 5}[kind] * (1 if side == "product" else -1)
    free_ruled(model)
    engine = roadrunner.RoadRunner(libsbml.writeSBMLToString(document))
    assert engine.simulate(times=[0, 1], selections=["S"])[1, 0] == pytest.approx(2 * net, abs=1e-6)


def test_a_ratio_of_nothings_has_no_value_then_and_the_run_lives(own):
    path = own("model m()\n k=0.5; x=0; x'=k; ratio := x/time; never := 0/(k-k); fine := 2*x\nend\n")
    found = simulate(path, times=[0, 1, 2], observables=["ratio", "never", "fine"])
    assert found.attrs["status"] == "ok"
    assert found.attrs["reason"] == (
        "ratio has no finite value at 0; never has no finite value at 0 and 2 other times"
    )
    np.testing.assert_allclose(found.ratio, [np.nan, 0.5, 0.5])
    np.testing.assert_allclose(found.fine, [0, 1, 2], atol=1e-9)
    table = run(plan(path, grid(k=[1, 2]), endpoints=["highest(fine)", "highest(ratio)"], until=2))
    np.testing.assert_allclose(table["highest_fine"], [4, 8], rtol=1e-6)
    assert np.isnan(table["highest_ratio"]).all()


def test_a_value_that_is_none_is_told_beside_the_numbers(own, tmp_path, capsys):
    path = own("model m()\n k=0.5; x=0; x'=k; ratio := x*x/time; never := 0/(k-k)\nend\n")
    assert command_line(["simulate", path, "--until", "2", "--plot", str(tmp_path / "p.png")]) == 0
    assert "ratio has no finite value at 0; never has no finite value at 0" in capsys.readouterr().err
    assert command_line(["simulate", path, "--until", "2"]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("ratio"))
    assert row.split()[1] == "nan"
    assert row.split()[3:] == ["0.5", "2", "0.5"]


def test_a_state_without_a_value_still_ends_the_run(own):
    found = simulate(own("model m()\n x=0; x'=1/(x-x)\nend\n"), times=[0, 1])
    assert found.attrs["status"] == "not finite"


FUTURE = '<sbml xmlns="http://www.sbml.org/sbml/level9/version9/core" level="9" version="9"/>'
QUAL = (
    '<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1" xmlns:qual='
    '"http://www.sbml.org/sbml/level3/version1/qual/version1" qual:required="true"><model id="m"/></sbml>'
)
FLUX = sbml_of(MODELS["a_sink_without_value"])
FLUX = FLUX[: FLUX.index("<kineticLaw>")] + FLUX[FLUX.index("</kineticLaw>") + len("</kineticLaw>") :]
FAST = libsbml.readSBMLFromString(sbml_of(MODELS["a_sink_without_value"]))
FAST.setLevelAndVersion(3, 1, False)
FAST.getModel().getReaction(0).setFast(True)
ALGEBRAIC = libsbml.readSBMLFromString(sbml_of(MODELS["assignment_rules"]))
ALGEBRAIC.getModel().createAlgebraicRule().setMath(libsbml.parseL3Formula("S1 + S2 - 5"))


DECAY = sbml_of("model m()\n compartment c=1; species S in c; S=1; k=0.5; x:=2*S; y:=3*k; S->; k*S\nend")
SPECIES = DECAY[DECAY.index("<species ") : DECAY.index("</listOfSpecies>")].strip()
DEEP = DECAY.replace("<ci> k </ci>", "<apply><minus/>" * 5000 + "<ci> k </ci>" + "</apply>" * 5000)
UNITS = '<listOfUnitDefinitions><unitDefinition id="u"><listOfUnits><unit kind="mole" exponent="1" '
UNITS += 'scale="400" multiplier="1"/></listOfUnits></unitDefinition></listOfUnitDefinitions>'
BROKEN = {
    "an undefined symbol": (DECAY.replace("<ci> k </ci>", "<ci> q </ci>"), "q"),
    "an undefined function": (DECAY.replace("<times/>", "<ci> f </ci>"), "f"),
    "an id given twice": (DECAY.replace('"y"', '"k"'), "conflicts with the previously defined <parameter>"),
    "a species given twice": (DECAY.replace(SPECIES, 2 * SPECIES), "conflicts with the previously defined"),
    "rules in a circle": (DECAY.replace("> S <", "> y <").replace("> k <", "> x <"), "x"),
    "a missing compartment": (DECAY.replace('compartment="c"', 'compartment="d"'), "'d'"),
    "a species without compartment": (DECAY.replace('compartment="c"', 'compartment=""'), "species S lies"),
    "mathematics 5000 deep": (DEEP, "too deeply nested"),
    "a scale beyond number": (DECAY.replace("</model>", UNITS + "</model>"), "unit u: its scale"),
}  # fmt: skip
CIRCULAR = {
    "itself": "model m\n A: m(); S1->S2; k*S1; k=1\nend\n",
    "itself by another": "model a\n B: b(); S->; S; S=1\nend\nmodel b\n A: a(); T->; T; T=1\nend\n",
}


@pytest.mark.parametrize("encoding", [' encoding="UTF-8"', ""], ids=["encoding", "none"])
@pytest.mark.parametrize("what", BROKEN)
def test_sbml_that_cannot_be_run_is_told_in_one_line(own, what, encoding):
    text, said = BROKEN[what]
    assert text != DECAY
    text = text.replace(' encoding="UTF-8"', encoding)
    path = own(text, "own.xml")
    with pytest.raises(InputError) as caught:
        simulate(path, times=[0, 1])
    assert str(caught.value).startswith(path)
    assert said in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_unit_that_is_none_is_let_pass_and_what_is_wrong_beside_it_is_not(own):
    dangling = DECAY.replace("<model ", '<model areaUnits="none_such" ')
    assert simulate(own(dangling, "own.xml"), times=[0, 1]).attrs["status"] == "ok"
    with pytest.raises(InputError, match="q"):
        simulate(own(dangling.replace("<ci> k </ci>", "<ci> q </ci>"), "own.xml"), times=[0, 1])


@pytest.mark.parametrize("what", CIRCULAR)
def test_an_antimony_model_that_contains_itself_does_not_end_the_process(own, what):
    path = own(CIRCULAR[what])
    with pytest.raises(InputError, match=r"own\.ant"):
        simulate(path, times=[0, 1])


IMPORTING = {
    "itself": ({"own.ant": ["own.ant"]}, "own.ant:1: imports in a circle: own.ant -> own.ant"),
    "itself by another": (
        {"own.ant": ["b.ant"], "b.ant": ["own.ant"]},
        "b.ant:1: imports in a circle: own.ant -> b.ant -> own.ant",
    ),
    "a circle further down": (
        {"own.ant": ["x.ant", "sub/b.ant"], "x.ant": [], "sub/b.ant": ["c.ant"], "sub/c.ant": ["b.ant"]},
        "imports in a circle: b.ant -> c.ant -> b.ant",
    ),
    "what never ends": ({"own.ant": ["/dev/zero"]}, "may never end"),
    "one twice": ({"own.ant": ["b.ant"], "b.ant": ["x.ant", "x.ant"], "x.ant": []}, "x.ant:1: module 'x'"),
}  # fmt: skip


@pytest.mark.parametrize("what", IMPORTING)
def test_a_source_that_imports_without_end_is_refused_before_antimony_reads_it(own, tmp_path, what):
    files, said = IMPORTING[what]
    (tmp_path / "sub").mkdir()
    for name, imports in files.items():
        heads = [f'import "{each}"; ' for each in imports]
        own(f"{''.join(heads)}model {name[:-4].rpartition('/')[2]}(); S->; 0.5*S; S=1; end\n", name)
    with pytest.raises(InputError) as caught:
        simulate(str(tmp_path / "own.ant"), times=[0, 1])
    assert said in str(caught.value)


def test_an_import_in_a_comment_is_none_and_layers_of_imports_are_followed_once(own, tmp_path):
    comment = (
        '// import "own.ant"\n# import "own.ant"\n/* import\n import "own.ant" */ k is "import \'own.ant\'"\n'
    )
    assert simulate(own(f"{comment}k = 2; S->; k*S; S = 1\n"), times=[0, 1]).S[0] == 1
    for i in range(40):  # 2^40 ways down
        own(f'import "{i + 1}.ant"; import "./{i + 1}.ant"\nmodel m{i}(); end\n', f"{i}.ant")
    own("model m40(); end\n", "40.ant")
    with pytest.raises(InputError, match=r"40\.ant:1: module 'm40' already defined"):
        simulate(str(tmp_path / "0.ant"), times=[0, 1])


def test_a_file_is_imported_from_beside_the_source_wherever_the_process_stands(own, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    path = own('import "part.ant"\nmodel *m()\n A: part(); x = 0; x\' = 1\nend\n')
    own("model part()\n S->; 0.5*S; S=1\nend\n", "part.ant")
    own("model part()\n S->; 0.5*S; S=2\nend\n", "elsewhere/part.ant")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert simulate(path, times=[0, 1]).A_S[0] == 1


def test_what_antimony_refuses_names_its_line(own):
    for text in ("model m\n species time; S->; S; S=1\nend\n", "model m\n a:=b; b:=a; S->; S; S=1\nend\n"):
        with pytest.raises(InputError, match=r"own\.ant:2: "):
            simulate(own(text), times=[0, 1])


def test_a_copy_of_a_model_of_the_catalogue_runs(own):
    copy = own((repository() / "models_antimony" / "clinical.ant").read_text(encoding="utf-8"))
    found = simulate(copy, times=[0, 1], observables=["transgene"])
    expected = simulate("clinical", times=[0, 1], observables=["transgene"])
    np.testing.assert_allclose(found.transgene, expected.transgene, rtol=1e-5)


def test_a_file_that_never_ends_and_one_that_is_no_model_are_refused(tmp_path):
    (tmp_path / "zero.ant").symlink_to("/dev/zero")
    with pytest.raises(InputError, match="may never end"):
        simulate(str(tmp_path / "zero.ant"))
    (tmp_path / "folder.xml").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        simulate(str(tmp_path / "folder.xml"))


def test_a_file_that_another_imports_is_read_again(own):
    path = own('import "part.ant"\nmodel *m()\n A: part(); x = 0; x\' = 1\nend\n')
    for start in (1, 2):
        own(f"model part()\n S->; 0.5*S; S={start}\nend\n", "part.ant")
        assert simulate(path, times=[0, 1]).A_S[0] == start


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("model m()\n S->; k*delay(S,1); S=4; k=0.2\nend\n", "own.ant", "uses a delay, which"),
        ("model m()\n S->; k*S; S=4\nend\n", "own.ant", "k has no value"),
        ("model m()\nend\n", "own.ant", "nothing is defined in it"),
        ("model m()\n S->; = k*S\nend\n", "own.ant", "own.ant:2: syntax error"),
        (libsbml.writeSBMLToString(FAST), "own.xml", "is fast, which is not supported"),
        (libsbml.writeSBMLToString(ALGEBRAIC), "own.xml", "algebraic rule, which is not supported"),
        (FLUX, "own.xml", "has no kinetic law"),
        (QUAL, "own.xml", "needs the SBML package qual"),
        ("not xml at all", "own.xml", "own.xml:2: not SBML that can be read"),
        ("<html><body/></html>", "own.xml", "not SBML that can be read"),
        (FUTURE, "own.xml", "not SBML"),
    ],
)  # fmt: skip
def test_what_is_not_supported_is_told_in_one_line(own, text, name, said):
    with pytest.raises(InputError) as caught:
        simulate(own(text, name))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_missing_and_a_card_that_is_wrong_are_told(own, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        simulate(str(tmp_path / "absent.xml"))
    path = own(MODELS["rate_rules"] + "\n")
    own("observables: [nothing]\n", "own.yaml")
    with pytest.raises(InputError, match=r"own.yaml: names nothing"):
        simulate(path)
    own("solver: {logarithms: [S]}\n", "own.yaml")
    with pytest.raises(InputError, match=r"own.yaml: logarithms: species S is a concentration"):
        simulate(path)
    own("dose: {parameter: nothing, species: S}\n", "own.yaml")
    with pytest.raises(InputError, match=r"own.yaml: names nothing"):
        simulate(path)
    own("until: soon\n", "own.yaml")
    with pytest.raises(InputError, match=r"own.yaml:1: until"):
        simulate(path)


def test_a_card_that_is_no_file_is_told_and_not_left_out(own, tmp_path):
    path = own(DOSED)
    card = tmp_path / "own.yaml"
    card.mkdir()
    with pytest.raises(InputError, match=r"own.yaml: is a folder"):
        simulate(path, times=[0, 1])
    card.rmdir()
    for target, said in (("/dev/zero", "is a device"), (tmp_path / "absent", "no such file")):
        card.symlink_to(target)
        with pytest.raises(InputError, match=f"own.yaml: {said}"):
            simulate(path, times=[0, 1])
        card.unlink()


def test_an_own_model_is_exported_in_the_version_asked_for(own):
    card = load_card(own(MODELS["assignment_rules"] + "\n"))
    for version, expected in (("l3v2", (3, 2)), ("l3v1", (3, 1))):
        document = libsbml.readSBMLFromFile(str(card.sbml_path(version)))
        assert (document.getLevel(), document.getVersion()) == expected


def test_logarithms_that_a_card_declares_are_used(own):
    path = own("model m()\n substanceOnly species S; S = 1e6; S -> ; K*S; K = 5\nend\n")
    own("solver: {logarithms: [S]}\nuntil: 20\n", "own.yaml")
    found = simulate(path, times=[0, 20])
    assert float(found.S[1]) == pytest.approx(1e6 * np.exp(-100), rel=1e-4)


def test_sbml_without_a_named_encoding_is_read(own):
    text = sbml_of("model m()\n S1->; k*S1; S1=10; k=0.5\nend").replace(' encoding="UTF-8"', "")
    assert text.startswith('<?xml version="1.0"?>')
    assert simulate(own(text, "plain.xml"), until=1).S1[-1] == pytest.approx(10 * np.exp(-0.5), rel=1e-5)


def test_a_clock_of_a_model_of_ones_own_is_set_by_each_dose(tmp_path):
    """dA/dt = -k A/(1 + time since the last dose), which is A/sqrt(1 + time) for k = 0.5."""
    path = tmp_path / "own.ant"
    path.write_text(
        "model own()\n  species A in C; A = D; C = 1; D = 100; k = 0.5; last = 0\n"
        "  J: A -> ; k*A/(1 + time - last)\nend\n", "utf-8",
    )  # fmt: skip
    path.with_suffix(".yaml").write_text("dose: {parameter: D, species: A, clock: last}\n", "utf-8")
    found = simulate(str(path), doses=["100", "50@5"], times=[0, 4, 6], observables=["A", "last"])
    second = (100 / 6**0.5 + 50) / 2**0.5
    np.testing.assert_allclose(found["A"][[0, 1, -1]], [100, 100 / 5**0.5, second], rtol=1e-6)
    np.testing.assert_array_equal(found["last"], [0, 0, 0, 5, 5])
    use = use_of(str(path), doses=["100", "50@5"])
    np.testing.assert_allclose(run_tool("copasi", use.sbml(), np.array([0.0, 6]), ["last"])[1], 5)
    with pytest.raises(InputError, match="last is the time of the last dose of own: only doses set it"):
        simulate(str(path), changes={"last": 1})
    for wrong in ("k", "A", "C"):
        path.with_suffix(".yaml").write_text(f"dose: {{parameter: D, species: A, clock: {wrong}}}\n", "utf-8")
        with pytest.raises(InputError, match=f"the clock {wrong} must be a parameter with the value 0"):
            simulate(str(path))


DOSED = "model m()\n compartment C=1; species S in C; D=100; k=0.5; S=D; S->; k*S; x=1; x'=-x; y:=2*S\nend\n"


@pytest.mark.parametrize(
    ("card", "said"),
    [
        (
            "solver: {relative_tolerance: 0}",
            "own.yaml:1: solver.relative_tolerance: must be greater",
        ),
        (
            "solver: {relative_tolerance: 0.1}",
            "own.yaml:1: solver.relative_tolerance: must be at most",
        ),
        ("solver: {relative_tolerance: -1.0e-6}", "solver.relative_tolerance"),
        ("solver: {relative_tolerance: .nan}", "solver.relative_tolerance"),
        (
            "solver: {absolute_tolerance: {S: 0}}",
            "solver.absolute_tolerance.S: must be greater",
        ),
        ("solver: {absolute_tolerance_default: 1}", "solver.absolute_tolerance_default"),
        ("solver: {absolute_tolerance: {Q: 1.0e-6}}", "own.yaml: names Q, which the model does not have"),
        (
            "solver: {absolute_tolerance: {y: 1.0e-6}}",
            "own.yaml: solver: absolute_tolerance: y is no state",
        ),
        ("solver: {absolute_tolerance: {k: 1.0e-6}}", "k is no state of the model"),
        ("solver: {lowest_amount: 1}", "solver.lowest_amount"),
        (
            "dose: {parameter: S, species: D}",
            "S is no parameter and D no species; are the two swapped?",
        ),
        ("dose: {parameter: D, species: k}", "own.yaml: dose: k is no species that doses can be added to"),
        ("dose: {parameter: y, species: S}", "own.yaml: dose: y is no parameter that can be set"),
        ("dose: {parameter: k, species: S}", "own.yaml: dose: k does not set the start of S; write S = k"),
        ("solver: {logarithms: [S, S]}", "own.yaml:1: solver.logarithms: S is named twice"),
        ("until: 0", "own.yaml:1: until: must be greater than 0"),
        ("extends: clinical", "own.yaml:1: extends"),
        ("id: another", "own.yaml: id is another, the file's name says own"),
        ("sbml: another.xml", "own.yaml:1: sbml"),
    ],
)
def test_a_card_that_the_model_does_not_bear_out_is_refused(own, card, said):
    path = own(DOSED)
    own(card + "\n", "own.yaml")
    with pytest.raises(InputError, match=re.escape(said)):
        simulate(path, times=[0, 1])


def test_a_card_names_a_table_of_conditions_beside_the_model(own):
    path = own(DOSED)
    own("id: own\nconditions: lines.csv\ndose: {parameter: D, species: S}\n", "own.yaml")
    own("condition,k\n,\nfast,2\n", "lines.csv")
    found = simulate(path, times=[0, 1], condition="fast")
    assert found.S.to_numpy()[-1] == pytest.approx(100 * np.exp(-2), rel=1e-5)
