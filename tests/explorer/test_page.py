"""The page: what it holds, what it reads off, and what it says to type elsewhere."""

import json
import re
import shlex
from functools import cache

import numpy as np
import pytest

from harness import simulate
from harness.analysis.endpoints import area, highest, nadir, peak_height, peak_time
from harness.analysis.response import best_response, progression_time
from harness.analysis.survival import kaplan_meier
from harness.cli.main import run
from harness.errors import InputError
from harness.exchange.use import use_of
from harness.explorer.facts import PATIENTS, page_facts
from harness.explorer.page import engine_text, page_text
from harness.models.catalog import library_names, model_names, select
from harness.simulation.execute import Serial
from harness.simulation.regimen import Dose
from harness.studies.population import Population
from tests.explorer.runs import FOLDER, largest_error
from tests.javascript import answer, number

LARGEST = 400_000
"""Bytes of a page."""


@cache
def facts(model):
    """What a page of a model is told."""
    return page_facts(use_of(model))


def ask(body, argument=None, use="clinical"):
    """What JavaScript makes of an argument, after the engine of the page of a model or a use."""
    engine = (
        engine_text(use_of(use), facts(use)) if isinstance(use, str) else engine_text(use, page_facts(use))
    )
    return answer(f"{engine}\nconst answer = (asked) => {{ {body} }};", argument)


def test_the_longest_page_is_one_file_below_the_size_that_asks_for_nothing():
    page = page_text(use_of("clinical_divisions"))
    assert len(page.encode()) < LARGEST
    assert "default-src 'none'" in page
    assert not re.findall(r"(?:src|href)=[\"'](?!#|data:)", page)
    assert not re.findall(r"@import|url\((?!#)|\bfetch\(|XMLHttpRequest|WebSocket|\bimport\(", page)


def test_nothing_in_a_page_ends_its_scripts(tmp_path):
    path = tmp_path / "own.ant"
    path.write_text('model own()\n  k = 2; x = 1\n  x\' = -k*x\n  k is "</script><!-- rate"\nend\n')
    page = page_text(use_of(str(path)))
    assert page.count("</script>") == 2
    assert "<!--" not in page


def test_every_script_of_the_page_is_in_it():
    page = page_text(use_of("in_vitro"))
    for path in FOLDER.glob("*.js"):
        assert path.read_text(encoding="utf-8").splitlines()[-3] in page, path


READ = """
const names = FACTS.shown.map(({ id }) => id);
return asked.map(({ changes, doses }) => {
  const settings = { ...atStart(), doses };
  Object.assign(settings.values, changes);
  const run = runModel(KERNEL, MODEL, valuesOf(settings), doses, TIMES, names);
  return { ...readEndpoints(FACTS, run, doses), reason: run.reason };
});
"""

FUNCTIONS = {
    "Cmax": lambda t, v, doses: peak_height(t, v["transgene"], after=1, before=60, doses=doses),
    "Tmax": lambda t, v, doses: peak_time(t, v["transgene"], after=1, before=60, doses=doses),
    "AUC28": lambda t, v, _: area(t, v["transgene"], stop=28),
    "M_nadir": lambda t, v, _: nadir(t, v["M_protein_change"]),
    "sBCMA_nadir": lambda t, v, _: nadir(t, v["sBCMA_change"]),
    "best_response": lambda t, v, _: best_response(t, v["M_protein_change"], first_visit=28),
    "PFS": lambda t, v, _: progression_time(t, v["M_protein_change"]),
}


def test_endpoints_are_those_of_the_harness():
    cases = [
        ({}, (Dose(0.0, 150e6),)),
        ({"K_off": 0.01}, (Dose(0.0, 150e6), Dose(60.0, 1e8))),
        ({"K_kill_max": 0.15, "K_g": 0.02}, (Dose(0.0, 450e6, 0.5), Dose(28.0, 450e6))),
        ({"K_exp_max": 1.2}, (Dose(0.0, 50e6),)),
    ]
    asked = [{"changes": changes, "doses": [vars(dose) for dose in doses]} for changes, doses in cases]
    times = np.union1d(np.linspace(0, 360, 1441), np.geomspace(1e-3, 10, 200))
    seen = set()
    for (changes, doses), found in zip(cases, ask(READ, asked), strict=True):
        assert not found["reason"]
        right = simulate("clinical", doses=list(doses), changes=changes, times=times)
        t, v = right.time.to_numpy(), {name: right[name].to_numpy() for name in right}
        spans = np.array([[dose.time, dose.time + dose.duration] for dose in doses])
        for name, function in FUNCTIONS.items():
            ours, theirs = float(function(t, v, spans)), number(found[name])
            assert theirs == pytest.approx(ours, rel=3e-3, nan_ok=True), (name, changes)
            seen.add((name, np.isnan(ours)))
    assert {("PFS", True), ("PFS", False)} <= seen


def test_other_endpoints_are_those_of_the_harness():
    found = ask(READ, [{"changes": {}, "doses": [vars(Dose(0.0, 5e6))]}], "xenograft")[0]
    right = simulate("xenograft", times=np.linspace(0, 70, 1401))
    volume, t = right.tumor_volume.to_numpy(), right.time.to_numpy()
    assert found["tumor_peak"] == pytest.approx(highest(t, volume), rel=1e-3)
    assert found["tumor_last"] == pytest.approx(volume[-1], rel=1e-3)


WORK = """
FACTS.patients.effects = FACTS.patients.effects.slice(0, asked.patients);
const parts = [];
const work = { values: valuesOf(atStart()), doses: asked.doses };
workThrough(KERNEL, MODEL, FACTS, work, ({ part }) => parts.push(...part));
return parts;
"""


def compare_patients(patients, model="clinical", **given):
    doses = (50e6, 450e6)
    found = ask(WORK, {"patients": patients, "doses": doses}, use_of(model, **given))
    study = Population(kind="population", model=model, patients=patients, doses=doses, **given)
    runs = study.run(Serial()).tables["runs"].sort_values(["patient", "dose"])
    names = facts(model)["response"]["names"]
    rule = study.rule
    assert len(found) == len(runs)
    for ours, theirs in zip(runs.to_dict("records"), found, strict=True):
        assert not theirs["reason"]
        assert theirs["dose"] == ours["dose"]
        assert names[theirs["response"]] == ours["best_response"]
        assert theirs["event"] == ours[f"progressed_{rule}"]
        assert theirs["months"] == pytest.approx(ours[f"pfs_{rule}"], abs=0.05)


def test_virtual_patients_are_those_of_the_population():
    compare_patients(5)


def test_virtual_patients_of_a_posterior_are_those_of_the_population_that_draws_from_it():
    compare_patients(3, posterior="calibrated", changes={"Ag_tumor": "9000"})


def test_the_command_of_patients_who_are_drawn_names_the_posterior_and_what_is_the_same_for_all():
    use = use_of("clinical", posterior="calibrated")
    body = """
    const settings = atStart();
    const first = populationCommand(settings);
    Object.assign(settings.values, asked);
    return [first, populationCommand(settings)];
    """
    first, then = ask(body, {"Ag_tumor": 9000, "K_g": 0.01, "K_12": 2}, use)
    assert first.startswith("cart population --model clinical --posterior calibrated --dose 5e7 ")
    assert first.endswith(f"--patients {PATIENTS}")
    assert "--set" not in first
    assert then.replace(" --set Ag_tumor=9000", "") == first
    assert "draw of the posterior calibrated" in page_text(use)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["clinical", "clinical_extinction", "clinical_waning"])
def test_all_virtual_patients_are_those_of_the_population(model):
    compare_patients(PATIENTS, model)


def test_survival_is_that_of_kaplan_and_meier():
    durations, events = [3.0, 5.0, 5.0, 8.0, 12.0, 12.0], [True, True, False, True, False, True]
    found = ask("return kaplanMeier(asked[0], asked[1]);", [durations, events])
    right = kaplan_meier(np.array(durations), np.array(events))
    assert [time for time, _ in found] == [0.0, 3.0, 5.0, 8.0, 12.0]
    for time, level in found:
        assert level == pytest.approx(right[right["time"] <= time]["survival"].iloc[-1])


SETTINGS = {
    "two doses": "dose1=4.5e8_0_0&dose2=1e8_28_0.25&K_12=0.5&Tumor_0=2e9",
    "no dose": "dose1=0_0_0",
    "another end": "until=100&dose1=2.5e8_3_0",
}
ELSEWHERE = """
const { settings, unknown } = fromHash(asked);
const names = ["transgene", "M_protein"];
const run = runModel(KERNEL, MODEL, valuesOf(settings), given(settings), [0, settings.until], names);
const ends = names.map((name) => run.curves[name].at(-1));
const texts = { command: simulateCommand(settings), python: pythonCall(settings), hash: asHash(settings) };
return { ...texts, unknown, ends, reason: run.reason };
"""


@pytest.mark.parametrize("hash_", SETTINGS.values(), ids=SETTINGS)
def test_a_link_a_command_and_a_call_hold_the_settings(hash_, tmp_path, monkeypatch, capfd):
    found = ask(ELSEWHERE, hash_)
    assert not found["unknown"]
    assert not found["reason"]
    assert sorted(found["hash"].split("&")) == sorted(hash_.split("&"))
    scope = {}
    exec(found["python"], scope)
    result = scope["result"].isel(time=-1)
    ends = [float(result.transgene), float(result.M_protein)]
    assert found["ends"] == pytest.approx(ends, rel=1e-3, abs=1e-12)
    monkeypatch.chdir(tmp_path)
    assert run([*shlex.split(found["command"])[1:], "--out", "run.csv"]) == 0, capfd.readouterr().err
    heads, *_, last = (
        line.split(",") for line in (tmp_path / "run.csv").read_text(encoding="utf-8").splitlines()
    )
    row = {head.partition(" ")[0]: text for head, text in zip(heads, last, strict=True)}
    assert [float(row["transgene"]), float(row["M_protein"])] == pytest.approx(ends, rel=1e-6, abs=1e-12)


def test_what_a_link_holds_that_the_model_does_not_have_is_told():
    body = "const { settings, unknown } = fromHash(asked); return { unknown, K_12: settings.values.K_12 };"
    hash_ = "K_12=0.5&K_21=-1&V_b=0&nothing=3&dose2=1_2&until=0&scale=round"
    found = ask(body, hash_)
    assert found["K_12"] == 0.5
    assert found["unknown"] == hash_.split("&")[1:]


def test_a_page_takes_the_values_that_the_commands_take():
    body = "return FACTS.settings.map((each) => asked.map((x) => canBe(each, x)));"
    values = [-1.0, 0.0, 1e-9, 0.5, 1.0, 1.5]
    symbols = select("clinical_product").card.symbols
    found = ask(body, values, "clinical_product")
    for told, taken in zip(facts("clinical_product")["settings"], found, strict=True):
        for value, yes in zip(values, taken, strict=True):
            if yes:
                assert symbols.parse(told["id"], value) == value
            else:
                with pytest.raises(InputError, match=told["why"]):
                    symbols.parse(told["id"], value)
    link = "const { settings, unknown } = fromHash(asked); return [unknown, settings.values.f_low];"
    assert ask(link, "f_low=1.5&f_effector=", "clinical_product") == [["f_low=1.5", "f_effector="], 0]


def test_a_dose_after_the_end_of_a_link_is_told_and_not_given():
    body = "const { settings, unknown } = fromHash(asked); return { unknown, given: given(settings).length };"
    found = ask(body, "dose2=1e8_50_0&until=40")
    assert found == {"unknown": ["dose2=1e8_50_0"], "given": 1}


def test_a_page_starts_from_the_values_and_the_doses_of_its_use():
    use = use_of("clinical", doses=["1e8", "5e7@30 for 0.5"], changes={"K_12": 0.5}, readings=["as_run"])
    start = ask("return atStart();", use=use)
    assert start["values"]["K_12"] == 0.5
    assert start["values"]["K_on"] == 7.103e4
    assert start["doses"] == [
        {"amount": 1e8, "time": 0, "duration": 0},
        {"amount": 5e7, "time": 30, "duration": 0.5},
    ]


def test_a_page_says_what_it_cannot_hold(tmp_path):
    with pytest.raises(InputError, match="a page has two doses"):
        page_text(use_of("clinical", doses=["1e8", "1e8@10", "1e8@20"]))
    with pytest.raises(InputError, match="a page has no slider for no_cell"):
        page_text(use_of("clinical", changes={"no_cell": "1e-20"}))
    path = tmp_path / "own.ant"
    path.write_text("model own()\n  k = 2; x := k*time\nend\n")
    with pytest.raises(InputError, match=r"own\.ant cannot be a page: .*has no state to integrate"):
        page_text(use_of(str(path)))
    path.write_text("model own()\n  k = 2; x = 1\n  x' = -k*x\n  at (time >= 3): x = 2\nend\n")
    with pytest.raises(InputError, match=r"own\.ant cannot be a page: .*an event sets x"):
        page_text(use_of(str(path)))


def test_the_points_of_a_panel_are_laid_over_its_model():
    data = facts("xenograft")["data"]
    assert sorted((each["observable"], each["label"], len(each["points"])) for each in data) == [
        ("blood_cart", "5e6 CAR-T", 10),
        ("tumor_volume", "5e6 CAR-T", 20),
        ("tumor_volume", "vehicle", 10),
    ]
    assert data[0]["points"][0] == [1.0, 85.0]


def random_cases(model, count, seed=1):
    """Settings as sliders can stand: each parameter within its reach, two doses."""
    told = facts(model)
    generator = np.random.default_rng(seed)
    for _ in range(count):
        moved = {
            each["id"]: min(
                float(each["value"] * each["reach"] ** generator.uniform(-1, 1)), each.get("most", np.inf)
            )
            for each in told["settings"]
            if each["value"] > 0
        }
        doses = None
        if told["dose"]:
            one, two = told["dose"]["value"] * told["dose"]["reach"] ** generator.uniform(-1, 1, 2)
            later, over = generator.uniform(1, told["until"]), generator.choice([0.0, 0.5])
            doses = (Dose(0.0, float(one)), Dose(float(later), float(two), float(over)))
        yield moved, doses


def test_some_settings_of_the_sliders_are_those_of_the_engine():
    worst, failed = largest_error("clinical", list(random_cases("clinical", 6)), first=1)
    assert worst < 1e-3
    assert failed < 3


@pytest.mark.slow
@pytest.mark.parametrize("model", [*model_names(), *library_names()])
def test_fifty_settings_of_the_sliders_are_those_of_the_engine(model):
    worst, failed = largest_error(model, list(random_cases(model, 50)), first=1)
    assert worst < 1e-3
    assert failed < 25


def test_the_command_writes_the_page_and_overwrites_nothing_unasked(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert run(["explore", "in_vitro", "--condition", "JeKo"]) == 0
    page = (tmp_path / "in_vitro.html").read_text(encoding="utf-8")
    assert json.dumps(select("in_vitro").card.title) in page
    assert run(["explore", "in_vitro"]) == 2
    assert "is there already" in capfd.readouterr().err
    assert run(["explore", "in_vitro", "--out", "in_vitro.html"]) == 0
    assert run(["export", "in_vitro", "--format", "html", "--out", "x.html"]) == 0
