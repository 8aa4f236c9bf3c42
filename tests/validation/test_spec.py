import pytest
import yaml

from harness.declarations import declare, read_declaration
from harness.errors import InputError
from harness.models.card import repository
from harness.validation.spec import PanelSpec, panel_names, read_panel
from harness.validation.thresholds import Threshold, read_claims


@pytest.fixture
def spoiled(tmp_path):
    """A copy of a panel's specification, changed by a function of its content."""

    def make(change):
        content = yaml.safe_load((repository() / "validation" / "fig2b" / "spec.yaml").read_text("utf-8"))
        change(content)
        path = tmp_path / "spec.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
        return path

    return make


@pytest.mark.parametrize("name", panel_names())
def test_every_panel_is_of_the_schema_and_named_by_its_folder(name):
    assert read_panel(name).panel == name


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda c: c["targets"][0].update(threshhold=1),
            "targets.0.threshhold: no such field; nearest: threshold; allowed: claim",
        ),
        (
            lambda c: c["targets"][0]["threshold"].update(at_most="low"),
            "is not a number",
        ),
        (lambda c: c["targets"][0].pop("unit"), "targets.0.unit: is missing"),
        (
            lambda c: c["targets"][0]["measure"].update(curve="C"),
            "targets.0.measure: X1-moving-rmse: no curve 'C'",
        ),
        (lambda c: c["targets"][0]["measure"].update(kind="guess"), "targets.0.measure"),
        (lambda c: c["targets"][1].update(id="X1-moving-rmse"), "target id given twice: X1-moving-rmse"),
        (lambda c: c["targets"][0].update(expected="not reproducible", ledger=None), "names its ledger row"),
        (lambda c: c["targets"][0].update(expected="not met"), "targets.0.expected: "),
        (
            lambda c: c["targets"][0].update(expected="not reproducible", threshold=None),
            "without a threshold a number is shown",
        ),
        (
            lambda c: c["targets"][0].update(
                expected="not met by this reading", ledger="D05", threshold=None
            ),
            "without a threshold",
        ),
        (
            lambda c: c["targets"][0].update(expected="not met by this reading", ledger="D12"),
            "D12 scores no other reading",
        ),
        (
            lambda c: c["targets"][0].update(threshold={"at_most": 46}),
            "claim X1 does not ask for ≤ 46; say why",
        ),
        (lambda c: c["targets"][0].pop("measure"), "give either a measure or"),
        (lambda c: c["targets"][0]["measure"].update(observable="blood"), "nearest: blood_cart"),
        (
            lambda c: c["targets"][1]["measure"].update(endpoint="lowest"),
            "no option of lowest 'after'; known: start, stop",
        ),
        (
            lambda c: c["axes"][0].update(observable="tumour"),
            "axes.0.observable: no observable of curve vehicle",
        ),
        (lambda c: c["axes"][0].update(curves=["Z"]), "axes.0: no curve 'Z'"),
        (lambda c: c["targets"][1]["measure"].update(endpoint="Cmx"), "no endpoint function 'Cmx'"),
        (lambda c: c["targets"][1]["measure"].pop("observable"), "peak_height needs an observable"),
        (
            lambda c: c["targets"][1].update(
                measure={"kind": "endpoint", "endpoint": "Cmx", "curve": "moving_volume"}
            ),
            "targets.1.measure: X1-moving-peak: no endpoint of curve moving_volume 'Cmx'; nearest: Cmax",
        ),
        (
            lambda c: c["targets"][1].update(measure={"kind": "endpoint", "endpoint": "Cmax", "curve": "Z"}),
            "targets.1.measure: X1-moving-peak: no curve 'Z'",
        ),
        (
            lambda c: c["targets"][1].update(
                measure={"kind": "endpoint", "endpoint": "Cmax", "curve": "moving_volume", "after": 1}
            ),
            "Cmax is an endpoint of the model, with options of its own",
        ),
    ],
)
@pytest.mark.quick
def test_a_broken_specification_is_told_with_file_line_and_field(spoiled, change, said):
    path = spoiled(change)
    with pytest.raises(InputError) as caught:
        read_declaration(path, PanelSpec)
    message = str(caught.value)
    assert message.startswith(f"{path}:")
    assert message.removeprefix(f"{path}:").split(":")[0].isdigit()
    assert said in message
    assert "\n" not in message


def test_the_line_is_that_of_the_field(tmp_path):
    path = tmp_path / "threshold.yaml"
    path.write_text("# a comment\nat_least: 1\nat_most: high\n")
    with pytest.raises(InputError, match=r"threshold.yaml:3: at_most: "):
        read_declaration(path, Threshold)


def test_the_line_of_a_name_that_is_unknown_is_that_of_its_target(spoiled):
    path = spoiled(lambda c: c["targets"][3]["measure"].update(curve="Z"))
    with pytest.raises(InputError) as caught:
        read_declaration(path, PanelSpec)
    line = int(str(caught.value).removeprefix(f"{path}:").split(":")[0])
    assert path.read_text("utf-8").splitlines()[line - 1].strip() == "measure:"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("at_most: 1\nat_most: 2\n", "at_most: is given twice"),
        ("a: [1\n", "not YAML"),
        ("- 1\n", "expected a mapping"),
        ("", "expected a mapping"),
    ],
)
def test_what_is_no_mapping_is_told(tmp_path, text, said):
    path = tmp_path / "spec.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_declaration(path, Threshold)


@pytest.mark.parametrize(
    ("threshold", "bounds", "text"),
    [
        ({"at_most": 45}, (float("-inf"), 45), "≤ 45"),
        ({"at_least": 10}, (10, float("inf")), "≥ 10"),
        ({"at_least": 14, "at_most": 21}, (14, 21), "≥ 14 and ≤ 21"),
        ({"near": 455, "within_percent": 25}, (341.25, 568.75), "455 ± 25 %"),
        ({"near": 12, "within": 1.5}, (10.5, 13.5), "12 ± 1.5"),
    ],
)
def test_a_threshold_is_a_pair_of_bounds(threshold, bounds, text):
    assert Threshold(**threshold).bounds() == bounds
    assert str(Threshold(**threshold)) == text


@pytest.mark.parametrize("threshold", [{}, {"near": 1}, {"near": 1, "at_most": 2, "within": 1}])
def test_a_threshold_that_says_nothing_or_two_things_is_refused(threshold):
    with pytest.raises(ValueError, match=r"give at_least|near needs"):
        Threshold(**threshold)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "tumor_volume,vehicle",
            "tumor_volume,vehcle",
            "row 1: no arm of the panel 'vehcle'; nearest: vehicle",
        ),
        (
            "tumor_volume,vehicle",
            "tumour_volume,vehicle",
            "row 1: no observable of the panel 'tumour_volume'; nearest",
        ),
        ("reading_error", "reading_eror", "no column 'reading_eror'; nearest: reading_error"),
    ],
)
def test_a_row_that_nothing_in_a_panel_reads_is_refused(tmp_path, old, new, said):
    spec = read_panel("fig2b")
    text = (spec.folder / spec.observations).read_text(encoding="utf-8")
    (tmp_path / "observed.csv").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=said):
        spec.model_copy(update={"observations": str(tmp_path / "observed.csv")}).observed()


@pytest.mark.parametrize(
    ("evidence", "measure", "why"),
    [
        (
            "text",
            {"kind": "number", "study": "map", "number": "points_dose"},
            "study map declares its points_dose",
        ),
        (
            "text",
            {"kind": "number", "study": "fits", "number": "patients"},
            "study fits declares its patients",
        ),
        ("golden", {"kind": "number", "study": "tools", "number": "cases"}, "study tools declares its cases"),
        (
            "data",
            {"kind": "data_endpoint", "endpoint": "last", "observable": "transgene", "arm": "x"},
            "it is of the observations alone",
        ),
        (
            "internal",
            {"kind": "formula", "formula": "K", "symbols": {"K": "clinical.K_g"}},
            "it is arithmetic",
        ),
        (
            "text",
            {"kind": "formula", "formula": "4 * K", "symbols": {"K": "xenograft.text_delay.tau"}},
            "the reading sets the parameter",
        ),
    ],
)
def test_a_threshold_on_what_no_run_can_change_is_refused(evidence, measure, why):
    if measure["kind"] == "formula":
        measure = measure | {"unit": "day" if "4" in measure["formula"] else "1/day"}
    if measure["kind"] == "data_endpoint":
        measure = measure | {"endpoint": "lowest_point"}
    target = {
        "id": "T", "claim": "mine", "statement": "x", "evidence": evidence, "measure": measure, "unit": "x",
        "threshold": {"at_least": 0},
    }  # fmt: skip
    panel = {
        "panel": "mine", "place": 1, "title": "x", "figure": "x", "source": "x", "summary": "x",
        "studies": {"map": {"kind": "map"}, "fits": {"kind": "patients"}, "tools": {"kind": "agreement"}},
        "targets": [target],
    }  # fmt: skip
    with pytest.raises(InputError, match=f"T cannot fail: {why}"):
        declare(PanelSpec, **panel)
    target.pop("threshold")
    assert declare(PanelSpec, **panel).targets[0].threshold is None


def test_the_numbers_that_a_study_declares_are_numbers_that_it_gives():
    for name in panel_names():
        for study in read_panel(name).studies.values():
            assert set(study.DECLARED) <= set(study.number_names())


def test_every_claim_is_known_and_every_other_threshold_says_why():
    targets = [target for name in panel_names() for target in read_panel(name).targets]
    assert {target.claim for target in targets} == set(read_claims())
    for target in targets:
        asked = target.threshold in read_claims()[target.claim]
        reason = target.threshold.because if target.threshold else ""
        assert target.threshold is None or asked or len(reason) > 10, target.id
        assert not (asked and reason), target.id


def test_no_claim_asks_for_what_no_target_tests():
    tested = {(t.claim, str(t.threshold)) for name in panel_names() for t in read_panel(name).targets}
    assert {(claim, str(each)) for claim, all_ in read_claims().items() for each in all_} <= tested
