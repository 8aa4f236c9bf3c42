import libsbml
import pytest

from harness.errors import InputError
from harness.models.build import build, stale
from harness.models.catalog import load_card, model_names
from harness.models.compile import compile_antimony


@pytest.mark.parametrize("name", model_names())
@pytest.mark.quick
def test_sbml_folder_equals_a_fresh_build(name):
    card = load_card(name)
    assert stale(card, build(card)) == []


def test_a_build_is_the_same_every_time_and_names_no_tool_or_moment():
    card = load_card("clinical")
    first = build(card)
    assert first == build(card)
    assert list(first) == ["l3v2", "l3v1", "solver"]
    for text in first.values():
        assert "Created by" not in text
        assert "libAntimony" not in text


@pytest.mark.parametrize("name", model_names())
@pytest.mark.quick
def test_both_versions_hold_the_same_model(name):
    card = load_card(name)
    new, old = (libsbml.readSBMLFromFile(str(card.sbml_path(v))) for v in ("l3v2", "l3v1"))
    assert (new.getLevel(), new.getVersion()) == (3, 2)
    assert (old.getLevel(), old.getVersion()) == (3, 1)
    for count in ("getNumSpecies", "getNumReactions", "getNumParameters", "getNumRules"):
        assert getattr(new.getModel(), count)() == getattr(old.getModel(), count)() > 0


def test_every_unit_definition_is_used():
    for name in model_names():
        model = libsbml.readSBMLFromFile(str(load_card(name).sbml_path())).getModel()
        text = libsbml.writeSBMLToString(model.getSBMLDocument())
        for definition in model.getListOfUnitDefinitions():
            assert text.count(f'"{definition.getId()}"') > 1


@pytest.mark.parametrize(
    ("source", "line", "said"),
    [
        ("model broken()\n  x = 1;\n  y = = 2;\nend\n", 3, "syntax error"),
        ("model broken()\n  A -> B; k*\nend\n", 2, "syntax error"),
    ],
)
def test_a_syntax_error_is_told_with_file_and_line(tmp_path, source, line, said):
    path = tmp_path / "broken.ant"
    path.write_text(source)
    with pytest.raises(InputError) as caught:
        compile_antimony(path, "broken")
    message = str(caught.value)
    assert message.startswith(f"{path}:{line}: ")
    assert said in message
    assert "\n" not in message


def test_a_source_without_the_model_is_refused(tmp_path):
    path = tmp_path / "other.ant"
    path.write_text("model something()\n  x = 1;\nend\n")
    with pytest.raises(InputError, match="declares model something, not other"):
        compile_antimony(path, "other")
    with pytest.raises(InputError, match="no such file"):
        compile_antimony(tmp_path / "absent.ant", "absent")


BASE = "// a base\nmodel base()\n  x = 1;\n  y := 2*x;\n  J: A -> B; x*A;\nend\n"


def extension(tmp_path, body):
    base, path = tmp_path / "base.ant", tmp_path / "more.ant"
    base.write_text(BASE, encoding="utf-8")
    path.write_text(f"// more\nmodel more()\n{body}\nend\n", encoding="utf-8")
    return path, [base]


def test_an_extension_says_some_things_anew_and_keeps_the_rest(tmp_path):
    path, bases = extension(tmp_path, "  y := z*x;\n  z = 3;\n  J: A -> 2 B; z*A;")
    model = libsbml.readSBMLFromString(compile_antimony(path, "more", bases)).getModel()
    assert libsbml.formulaToL3String(model.getRuleByVariable("y").getMath()) == "z * x"
    assert (model.getParameter("x").getValue(), model.getParameter("z").getValue()) == (1, 3)
    assert model.getNumReactions() == 1
    assert model.getReaction("J").getProduct(0).getStoichiometry() == 2


def test_an_error_of_an_extension_is_told_with_its_own_file_and_line(tmp_path):
    path, bases = extension(tmp_path, "  z = 3;\n  y := := 2;")
    with pytest.raises(InputError) as caught:
        compile_antimony(path, "more", bases)
    assert str(caught.value).startswith(f"{path}:4: ")
    bases[0].write_text(BASE.replace("y := 2*x", "y := *x"), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        compile_antimony(path, "more", bases)
    assert str(caught.value).startswith(f"{bases[0]}:4: ")


def test_a_base_without_a_closed_model_is_refused(tmp_path):
    path, bases = extension(tmp_path, "  z = 3;")
    bases[0].write_text("x = 1;\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"base.ant:1: .* closed by end"):
        compile_antimony(path, "more", bases)


def test_the_extensions_change_what_they_say_and_nothing_else():
    def formulas(name):
        model = libsbml.readSBMLFromFile(str(load_card(name).sbml_path())).getModel()
        laws = [(r.getId(), r.getKineticLaw().getMath()) for r in model.getListOfReactions()]
        rules = [(r.getVariable(), r.getMath()) for r in model.getListOfRules()]
        return {name: libsbml.formulaToL3String(math) for name, math in laws + rules}

    base = formulas("clinical").items()
    changed = {
        "clinical_waning": {"k_exp"},
        "clinical_extinction": {"expansion", "tumor_growth", "grown_e", "grown_t"},
    }
    for name, expected in changed.items():
        assert {symbol for symbol, _ in formulas(name).items() ^ base} == expected
