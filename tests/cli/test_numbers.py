"""Numbers that are given: what is not finite, or below what it can be, is one line everywhere."""

import pytest

from harness.cli.main import run

OPTIONS = {
    "simulate clinical": [
        "--dose={}", "--dose=1e8@{}", "--dose=1e8@1 for {}", "--dose={}x@3", "--set=K_12={}", "--set=V_b={}",
        "--until={}", "--times={}", "--times=0:{}:1", "--times=0:5:{}",
    ],
    "scan clinical --grid dose=1e8 --workers 1": [
        "--grid=K_12={}", "--grid=K_12={}:3:log:4", "--grid=K_12=1:{}:linear:4", "--grid=K_12=1:3:log:{}",
        "--at={}", "--until={}", "--times={}", "--dose={}", "--workers={}", "--set=K_12={}",
        "--endpoint=lowest(Tumor, start={})", "--endpoint=time_above(transgene, level={})",
    ],
    "population --patients 2 --workers 1": [
        "--patients={}", "--dose={}", "--omega=K_12={}", "--month={}", "--until={}", "--seed={}",
    ],
    "map --points 3 --workers 1": [
        "--points={}", "--dose={}:800e6", "--dose=50e6:{}", "--burden={}:95", "--burden=5:{}",
        "--conversion={}=1e9", "--conversion=50={}", "--until={}",
    ],
    "sensitivity clinical --parameters K_12 --observable transgene --at 10 --workers 1": [
        "--parameters=K_21={} percent", "--parameters=K_21={}:3", "--parameters=K_21=omega {}",
        "--parameters=K_21=rse {}", "--at={}", "--n={}", "--seed={}", "--dose={}",
    ],
    "export clinical --out never.xml": ["--dose={}", "--until={}", "--set=K_12={}"],
}  # fmt: skip
CAN_BE_NEGATIVE = ("level={}", "start={}")  # of an observable such as a change in percent; before everything


@pytest.mark.parametrize("number", ["nan", "inf", "-1", "9" * 5000])
@pytest.mark.parametrize("command", OPTIONS)
def test_what_is_no_number_that_can_be_is_one_line(capfd, command, number):
    for option in OPTIONS[command]:
        if number == "-1" and any(name in option for name in CAN_BE_NEGATIVE):
            continue
        code = run([*command.split(), option.format(number)])
        out, err = capfd.readouterr()
        assert (code, out, err.count("\n")) == (2, "", 1), (option, err[:200])
        assert err.startswith("cart: ")


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "-1", "1e400", "''", "2020-01-01"])
@pytest.mark.parametrize("column", ["dose", "K_12", "days"])
def test_a_table_with_such_a_number_is_one_line(capfd, tmp_path, column, number):
    row = {"dose": "1e8", "K_12": "1", "days": "5", column: number}
    table = tmp_path / "design.csv"
    table.write_text("\n".join(",".join(line) for line in (row, row.values(), ("1e8", "1", "5"))))
    code = run(["run", "clinical", "--design", str(table), "--workers", "1"])
    out, err = capfd.readouterr()
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"row 0, column {column}: " in err
