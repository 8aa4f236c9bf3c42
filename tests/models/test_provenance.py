import pytest

from harness.errors import InputError
from harness.models.provenance import read_parameters

HEADER = "id,scale,value,unit,status,RSE,omega,source\n"


def test_table_1_is_in_the_table_with_its_uncertainty():
    rows = {(row.scale, row.id): row for row in read_parameters()}
    expansion = rows["clinical", "K_exp_max"]
    assert (expansion.value, expansion.RSE, expansion.omega) == (1.73, 10, 0.22)
    assert expansion.status == "estimated"
    assert rows["xenograft", "K_12"].value == 20304
    assert rows["xenograft_constant_volume", "K_12"].value == 20.304


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("K,clinical,fast,1/day,fixed,,,Table 1\n", "value"),
        ("K,clinical,1,1/day,guessed,,,Table 1\n", "status"),
        ("K,clinical,1,1/day,fixed,,,\n", "source"),
    ],
)
def test_a_broken_row_is_told_with_line_and_field(tmp_path, row, field):
    path = tmp_path / "parameters.csv"
    path.write_text(HEADER + row)
    with pytest.raises(InputError, match=rf"parameters.csv:2: {field}: "):
        read_parameters(path)
