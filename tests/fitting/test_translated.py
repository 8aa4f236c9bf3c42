"""Fits written for nlmixr2 and NONMEM, read back by small readers of these languages and held to the fit.

Neither tool is here: what is tested is that a reader who knows nothing of this project finds the same rates,
starts, doses, parameters, omegas and likelihood in the files.
"""

from __future__ import annotations

import math
import re
from functools import cache

import numpy as np
import pandas as pd
import pytest
import roadrunner
import yaml
from scipy import stats
from scipy.integrate import solve_ivp

from harness.cli.main import run
from harness.errors import InputError
from harness.fitting.handover import parts_of
from harness.fitting.likelihood import Model, constant, residuals
from harness.fitting.nonmem import RESERVED
from harness.fitting.objective import Objective
from harness.fitting.prepare import prepare
from harness.fitting.problem import read_problem
from harness.fitting.translated import TOOLS, write_for
from harness.models.card import repository

EXAMPLE = repository() / "examples" / "tables" / "patients.yaml"
MATHS = {name: getattr(math, name) for name in ("exp", "log", "sin", "cos", "tan", "sqrt")}
MATHS |= {name.upper(): function for name, function in MATHS.items()}
MATHS |= {"ABS": abs, "abs": abs, "PHI": stats.norm.cdf, "ifelse": lambda a, b, c: b if a else c}


@cache
def compiled(formula):
    return compile(formula, "formula", "eval")


class Nlmixr2:
    """A reader of `ini` and `model` blocks of R."""

    def __init__(self, text):
        self.theta, self.omega = {}, {}
        ini = re.search(r"ini\(\{(.*?)\n  \}\)", text, re.DOTALL)[1]
        for line in filter(None, map(str.strip, ini.splitlines())):
            name, sign, value = re.fullmatch(r"([\w +]+) (<-|~) (.*)", line).groups()
            numbers = [float(n) for n in re.findall(r"-?[\d.]+(?:e[+-]?\d+)?", value)]
            if sign == "~":
                self.omega[name] = numbers if len(numbers) > 1 else numbers[0]
            else:
                self.theta[name] = numbers if "fix" not in value else [numbers[0]] * 3
        self.lines = re.search(r"model\(\{(.*?)\n  \}\)", text, re.DOTALL)[1].replace("^", "**").splitlines()
        self.states = re.findall(r"d/dt\((\w+)\)", text)

    def at(self, states, columns, t=0.0, etas=None):
        """Values of all names, starts and rates; `states` by name, None for those at the start."""
        found = {**MATHS, "t": t, **columns, **{name: start for name, (_, start, _) in self.theta.items()}}
        found |= dict.fromkeys(re.findall(r"eta_\w+", "\n".join(self.lines)), 0.0) | (etas or {})
        start, rates, self.endpoints = {}, {}, {}
        for line in filter(None, map(str.strip, self.lines)):
            if "~" in line:
                name, error = line.split(" ~ ")
                self.endpoints[name] = error
                continue
            name, formula = line.split(" <- ")
            if name.endswith("(0)"):
                start[name[:-3]] = eval(compiled(formula), found)
                if states is None:
                    found[name[:-3]] = start[name[:-3]]
                else:
                    found[name[:-3]] = states[name[:-3]]
            elif name.startswith("d/dt"):
                rates[name[5:-1]] = eval(compiled(formula), found)
            else:
                found[name] = eval(compiled(formula), found)
        return found, start, rates

    def deviance(self, row, found):
        """Minus twice the log-likelihood of a row of the data, as nlmixr2 documents its error models."""
        name, error = row.CMT, self.endpoints[row.CMT]
        sizes = {kind: found[size] for kind, size in re.findall(r"(\w+)\((\w+)\)", error)}
        f, value = found[name], float(row.DV)
        if "lnorm" in sizes:
            spread = stats.lognorm(sizes["lnorm"], scale=f)
        else:
            spread = stats.norm(f, math.hypot(sizes.get("add", 0.0), sizes.get("prop", 0.0) * f))
        return -2 * {0: spread.logpdf, 1: spread.logcdf, -1: spread.logsf}[row.CENS](value)


class Nonmem:
    """A reader of control streams: each block as lines, conditions as Fortran has them."""

    def __init__(self, text):
        text = re.sub(r" &\n\s*", " ", text)
        text = "\n".join(re.sub(r";.*", "", line).rstrip() for line in text.splitlines())
        self.blocks = {}
        for block in re.split(r"\n(?=\$)", text):
            head, *rest = block.strip().split("\n")
            word, _, more = head.partition(" ")
            self.blocks.setdefault(word, []).extend([more.strip(), *rest])
        self.columns = " ".join(self.blocks["$INPUT"]).split()
        self.theta = [[float(n) for n in re.findall(NUMBER, line)] for line in self.blocks["$THETA"] if line]
        self.theta = [three if len(three) == 3 else three * 3 for three in self.theta]
        self.omega = [line for line in self.blocks["$OMEGA"] if line]
        self.states = re.findall(r"COMP=\((\w+)\)", text)
        assert max(map(len, text.splitlines())) <= 160
        names = set(re.findall(r"^\s*([A-Z]\w*) =", text, re.MULTILINE))
        assert max(map(len, names)) <= 20
        given = [
            {line.split(" = ")[0].strip() for line in self.blocks[block] if " = " in line}
            for block in ("$PK", "$DES", "$ERROR")
        ]
        own = [{name for name in of if not re.fullmatch(r"Q\d+", name)} for of in given]
        assert sum(map(len, own)) == len(set().union(*own))

    def execute(self, block, found):
        """Run the lines of a block over names, with A, DADT and A_0 as lists."""
        skip = [False]
        for line in filter(None, map(str.strip, self.blocks[block])):
            condition = re.fullmatch(r"IF \((.*)\) THEN", line)
            if condition:
                skip.append(skip[-1] or not eval(compiled(self.python(condition[1])), found))
            elif line == "ELSE":
                skip[-1] = skip[-2] or not skip[-1]
            elif line == "ENDIF":
                skip.pop()
            elif not skip[-1]:
                name, formula = line.split(" = ", 1)
                value = eval(compiled(self.python(formula)), found)
                listed = re.fullmatch(r"(\w+)\((\d+)\)", name)
                if listed:
                    found[listed[1]][int(listed[2])] = value
                else:
                    found[name] = value
        return found

    @staticmethod
    @cache
    def python(text):
        text = re.sub(r"\b(A|THETA|ETA|EPS)\((\d+)\)", r"\1[\2]", text)
        for sign, python in {
            ".LT.": "<",
            ".LE.": "<=",
            ".GT.": ">",
            ".GE.": ">=",
            ".EQ.": "==",
            ".NE.": "!=",
        }.items():
            text = text.replace(sign, python)
        return text.replace(".AND.", " and ").replace(".OR.", " or ")

    def at(self, states, columns, t=0.0, etas=None):
        count = len(self.states)
        found = {
            **MATHS,
            **columns,
            "T": t,
            "TIME": t,
            "A_0": [None] * (count + 1),
            "DADT": [None] * (count + 1),
        }
        found |= {
            "THETA": [None, *(start for _, start, _ in self.theta)],
            "ETA": etas or [0.0] * 9,
            "EPS": [0.0] * 2,
        }
        self.execute("$PK", found)
        start = found["A_0"][1:]
        found["A"] = [None, *(start if states is None else states)]
        self.execute("$DES", found)
        return found, start, found["DADT"][1:]

    def deviance(self, row, found):
        found = self.execute(
            "$ERROR", found | {name: getattr(row, name) for name in ("DVID", "CENS", "LOW", "UPP")}
        )
        if row.CENS:
            assert found["F_FLAG"] == 1
            return -2 * math.log(found["Y"])
        return -2 * stats.norm(found["Y"], found["W"]).logpdf(float(row.DV))


NUMBER = r"-?\d[\d.]*(?:e[+-]?\d+)?"


@pytest.fixture(scope="module")
def six():
    return prepare(read_problem(EXAMPLE), EXAMPLE.parent)


def written(prepared, tool, folder):
    write_for(TOOLS[tool], parts_of(prepared), folder)
    text = (folder / TOOLS[tool].model).read_text("utf-8")
    assert "not run there" in text
    return {"nlmixr2": Nlmixr2, "nonmem": Nonmem}[tool](text), pd.read_csv(folder / "data.csv", na_values=".")


def columns_of(table, i):
    """Columns of a subject that no tool has a use of its own for."""
    usual = {"ID", "TIME", "DV", "AMT", "RATE", "EVID", "MDV", "CMT", "DVID", "CENS", "LOW", "UPP"}
    first = table[table["ID"] == i].iloc[0]
    return {name: first[name] for name in table if name not in usual}


@pytest.mark.parametrize("tool", TOOLS)
def test_rates_and_starts_are_those_of_the_model(six, tool, tmp_path):
    reader, table = written(six, tool, tmp_path)
    arm = six.arms[1]
    rr = roadrunner.RoadRunner(arm.program.plain_sbml)
    for name, value in {
        **arm.fixed,
        **{c.name: c.start for c in six.coordinates if c.kind == "parameter"},
    }.items():
        rr[name] = value
    rr.reset()
    draw = np.random.default_rng(3)
    columns = columns_of(table, 2)
    _, start, _ = reader.at(None, columns)
    order = list(start) if tool == "nlmixr2" else [line.split()[-1] for line in _named(tmp_path)]
    assert set(rr.model.getFloatingSpeciesIds()) < set(order)
    assert len(order) == rr.model.getNumFloatingSpecies() + rr.model.getNumRateRules()
    start = start if tool == "nlmixr2" else dict(zip(order, start, strict=True))
    dosed = arm.program.dosed
    assert start[dosed] == 0  # the dose is an event of the data
    for name in set(order) - {dosed}:
        assert start[name] == pytest.approx(rr[name], rel=1e-12), name
    for _ in range(3):
        states = {name: float(10 ** draw.uniform(3, 9)) for name in order}
        for name, value in states.items():
            rr[name] = value
        expected = {name: rr[f"{name}'"] for name in order}
        _, _, rates = reader.at(states if tool == "nlmixr2" else list(states.values()), columns)
        found = rates if tool == "nlmixr2" else dict(zip(order, rates, strict=True))
        for name in order:
            assert found[name] == pytest.approx(expected[name], rel=1e-9), name


def _named(folder):
    return re.findall(r"^; A\(\d+\) \w+", (folder / "model.ctl").read_text(), re.MULTILINE)


@pytest.mark.parametrize("tool", TOOLS)
def test_parameters_bounds_and_omegas_are_those_of_the_fit(six, tool, tmp_path):
    reader, _ = written(six, tool, tmp_path)
    found = list(reader.theta.values()) if tool == "nlmixr2" else reader.theta
    expected = []
    for c in six.coordinates:
        if c.kind == "parameter":
            expected.append([c.scaled(value) for value in (c.low, c.start, c.high)])
        elif c.kind == "error":
            expected.append([c.low, c.start, c.high])
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    omegas = list(reader.omega.values()) if tool == "nlmixr2" else list(map(float, reader.omega))
    np.testing.assert_allclose(omegas, [c.start**2 for c in six.coordinates if c.kind == "omega"])


def integrated(reader, rows, columns, dosed):
    """Names at each observation of a subject: the files integrated by scipy, dose by dose."""
    _, start, _ = reader.at(None, columns)
    keys = list(start) if isinstance(start, dict) else None
    state = np.array(list(start.values()) if keys else start, float)
    place = keys.index(dosed) if keys else dosed - 1
    now, inflow, stop, found = 0.0, 0.0, math.inf, []

    def rhs(t, y):
        states = dict(zip(keys, y, strict=True)) if keys else list(y)
        rates = reader.at(states, columns, t)[2]
        values = np.array(list(rates.values()) if keys else rates, float)
        values[place] += inflow
        return values

    def go(until):
        nonlocal state, now
        if until > now:
            done = solve_ivp(rhs, (now, until), state, "LSODA", rtol=1e-9, atol=1e-8)
            state, now = done.y[:, -1], until

    for row in rows.itertuples():
        while stop <= row.TIME:
            go(stop)
            inflow, stop = 0.0, math.inf
        go(row.TIME)
        if row.EVID == 1 and row.RATE == 0:
            state[place] += row.AMT
        elif row.EVID == 1:
            inflow, stop = row.RATE, row.TIME + row.AMT / row.RATE
        elif row.EVID == 0:
            states = dict(zip(keys, state, strict=True)) if keys else list(state)
            found.append((row, reader.at(states, columns, row.TIME)[0]))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("tool", TOOLS)
def test_the_likelihood_of_the_files_is_that_of_the_fit(six, tool, tmp_path):
    """Doses, infusions, covariates, censored values: all by the reader's own integration, effects at 0."""
    reader, table = written(six, tool, tmp_path)
    objective, x = Objective(six), six.start
    none = np.zeros((len(six.groups), len(six.effects)))
    for i in (3, 4):  # three doses; an infusion
        arm = six.arms[i - 1]
        model = Model.of(six, arm, six.natural(x))
        rows = np.concatenate(residuals(arm, model, objective.predict((i - 1,), x, none)))
        expected = rows @ rows + constant(arm, model)
        dosed = arm.program.dosed if tool == "nlmixr2" else int(table["CMT"].iloc[0])
        seen = integrated(reader, table[table["ID"] == i], columns_of(table, i), dosed)
        assert len(seen) == arm.value.size
        found = sum(reader.deviance(row, names) for row, names in seen)
        if tool == "nonmem":  # in which log errors are of the logarithm of the value
            logs = np.array([error.logarithmic for error in six.errors])[arm.error] & ~arm.censored
            found += 2 * np.log(arm.value[logs]).sum()
        assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("sizes", "sd"),
    [
        ({"model": "combined", "additive": "2", "relative": "0.1"}, math.hypot(2, 10)),
        ({"model": "additive", "additive": "2"}, 2),
        ({"model": "proportional", "relative": "0.1"}, 10),
    ],
)
def test_conditions_changes_with_time_and_given_sizes_are_written(tmp_path, prepared, sizes, sd):
    """The clock of a rate: hoisted conditions, a record at the change, sizes that are fixed."""
    model = tmp_path / "decay.ant"
    model.write_text("model decay()\n  k = 0.1; A = 100; A' = -k*A; end\n")
    rows = [f"A,one,{t},dimensionless,{100 - t},dimensionless" for t in (1, 3)]
    (tmp_path / "data.csv").write_text("\n".join(["observable,arm,time,time_unit,value,unit", *rows]))
    made = prepared(
        model=str(model), condition=None, synthetic=None, observations="data.csv",
        arms={"one": {"over_time": {"k": {"0": "0.1", "2": "0.4"}}}},
        observables={"A": sizes},
        parameters={"init_A": {"low": "10", "high": "1000", "scale": "linear"}},
    )  # fmt: skip
    for tool in TOOLS:
        folder = tmp_path / tool
        reader, table = written(made, tool, folder)
        assert table["EVID"].tolist() == [0, 2, 0]
        assert table["TIME"].tolist() == [1, 2, 3]
        for t, rate in ((1.0, 0.1), (2.5, 0.4)):
            found = reader.at(None, {}, t)[2]
            assert (found["A"] if tool == "nlmixr2" else found[0]) == pytest.approx(-100 * rate)
        values = list(reader.theta.values()) if tool == "nlmixr2" else reader.theta
        given = [3 * [float(sizes[name])] for name in ("additive", "relative") if name in sizes]
        assert values == [[10, 100, 1000], *given]
        assert (reader.omega == {}) if tool == "nlmixr2" else (reader.omega == ["0 FIX"])
        seen = table[table["EVID"] == 0].iloc[0]
        names = reader.at(None, {}, 1.0)[0]
        expected = -2 * stats.norm(100, sd).logpdf(99)
        assert reader.deviance(seen, names) == pytest.approx(expected)


@pytest.mark.parametrize("tool", TOOLS)
def test_effects_of_every_kind_and_their_covariance_are_those_of_the_fit(prepared, tmp_path, tool):
    """A log-normal and a normal one that are correlated, and a logit one of a parameter that is fixed."""
    arms = {
        line: {"condition": line, "group": line, "changes": {"ET_ratio": "3"}} for line in ("Daudi", "JeKo")
    }
    made = prepared(
        arms=arms, condition=None, correlated=[["KC50", "K_kill_max"]],
        effects={
            "K_kill_max": {"omega": {"start": "0.4"}},
            "KC50": {"omega": {"start": "0.3"}, "distribution": "normal"},
            "hill_kill": {"omega": "0.5", "distribution": "logit", "low": "0.5", "high": "2"},
        },
    )  # fmt: skip
    reader, table = written(made, tool, tmp_path)
    names = [effect.name for effect in made.effects]
    u = np.array([[0.7, -0.4, 1.1], [0.2, 0.3, -0.8]])
    b = u @ made.factor(made.start).T
    for i in range(2):
        point = Objective(made).point(i, made.start, u)
        columns = columns_of(table, i + 1)
        if tool == "nlmixr2":
            etas = {f"eta_{name}": b[i, k] for k, name in enumerate(names)}
        else:
            etas = [None] * 4
            for name, value in zip(names, b[i], strict=True):
                line = next(line for line in reader.blocks["$PK"] if f" {name.upper()} =" in line)
                etas[int(re.search(r"\bETA\((\d)\)", line)[1])] = value
        found = reader.at(None, columns, etas=etas)[0]
        for c, value in zip(made.varied, point, strict=True):
            assert found[c.name if tool == "nlmixr2" else c.name.upper()] == pytest.approx(c.natural(value))
    covariance = made.factor(made.start) @ made.factor(made.start).T
    text = (tmp_path / TOOLS[tool].model).read_text()
    joined = [names.index(name) for name in ("K_kill_max", "KC50")]
    block = covariance[np.ix_(sorted(joined), sorted(joined))]
    for value in (block[0, 0], block[1, 0], block[1, 1]):
        assert repr(float(value)) in text
    assert "fix(0.25)" in text or "0.25 FIX" in text


def test_what_other_tools_have_no_place_for_is_named(prepared, tmp_path):
    censored = ["viability,well,1,hour,20,percent,4,interval,60"]
    head = "observable,arm,time,time_unit,value,unit,reading_error,censored,limit"
    (tmp_path / "data.csv").write_text("\n".join([head, *censored]) + "\n")
    fields = {"observations": "data.csv", "synthetic": None, "arms": {"well": {}}}
    parts = parts_of(prepared(**fields))
    with pytest.raises(InputError, match="values censored to an interval have no place in nlmixr2"):
        write_for(TOOLS["nlmixr2"], parts, tmp_path / "none")
    assert not (tmp_path / "none").exists()
    write_for(TOOLS["nonmem"], parts, tmp_path / "there")
    by_row = {"viability": {"model": "reading_error"}}
    with pytest.raises(InputError, match="errors that rows bring themselves"):
        parts_of(prepared(**fields, observables=by_row))
    prior = {"K_kill_max": {"low": "0.1", "high": "5", "prior": {"mean": "0.5", "sd": 0.2}}}
    with pytest.raises(InputError, match="K_kill_max: has a prior"):
        parts_of(prepared(parameters=prior))
    lines = {f"{line}_{r}": {"condition": line, "group": line, "changes": {"ET_ratio": str(r)}}
             for line in ("Daudi", "JeKo") for r in (2, 8)}  # fmt: skip
    with pytest.raises(InputError, match="group Daudi: has several arms; other tools take one a subject"):
        parts_of(prepared(arms=lines, condition=None, effects={"K_kill_max": {"omega": "0.5"}}))


def test_a_condition_that_nonmem_has_no_words_for_is_named(tmp_path):
    rate = "A = 1; k = 1; A' = -k*piecewise(1, !(A > 0.5), 2)"
    (tmp_path / "own.ant").write_text(f"model own()\n {rate}\nend\n")
    head = "observable,arm,time,time_unit,value,unit,reading_error"
    (tmp_path / "data.csv").write_text(f"{head}\nA,one,1,dimensionless,0.5,dimensionless,0\n")
    declared = {
        "title": "a decay", "model": str(tmp_path / "own.ant"), "observations": "data.csv",
        "arms": {"one": {}}, "observables": {"A": {"model": "additive", "additive": "1"}},
        "parameters": {"k": {"low": "0.1", "high": "10"}},
    }  # fmt: skip
    (tmp_path / "problem.yaml").write_text(yaml.safe_dump(declared))
    parts = parts_of(prepare(read_problem(tmp_path / "problem.yaml"), tmp_path))
    with pytest.raises(InputError, match=r"^NONMEM: a condition with not has no place$"):
        write_for(TOOLS["nonmem"], parts, tmp_path / "none")


def test_every_array_of_a_control_stream_is_a_word_that_no_parameter_may_have(six, tmp_path):
    write_for(TOOLS["nonmem"], parts_of(six), tmp_path / "six")
    (stream,) = (tmp_path / "six").glob("*.ctl")
    arrays = set(re.findall(r"\b([A-Z_0-9]+)\(", stream.read_text())) - set(MATHS)
    assert {"THETA", "ETA", "EPS", "DADT", "A", "A_0"} & arrays >= {"THETA", "ETA", "DADT"}
    assert arrays <= RESERVED


def test_the_command_writes_a_folder(tmp_path, capfd):
    for tool in TOOLS:
        out = tmp_path / tool
        assert run(["translate", str(EXAMPLE), "--to", tool, "--out", str(out)]) == 0
        assert "written, not run here" in capfd.readouterr().out
        assert pd.read_csv(out / "subjects.csv")["arm"].tolist() == [1, 2, 3, 4, 5, 6]
    assert run(["translate", str(EXAMPLE), "--to", "monolix", "--out", str(tmp_path / "m")]) == 2
    assert "no tool 'monolix'" in capfd.readouterr().err
