"""Formulas: read from MathML, and written as another language reads them."""

from xml.etree import ElementTree

from harness.models.mathml import PYTHON, RXODE2, read_math, write


def test_brackets_are_kept_where_they_matter():
    math_ml = "<math xmlns='http://www.w3.org/1998/Math/MathML'>{}</math>"
    formula = (
        "<apply><minus/><cn>8</cn><apply><minus/><cn>5</cn><apply><divide/><cn>6</cn>"
        "<apply><times/><cn>3</cn><apply><power/><apply><minus/><cn>2</cn></apply><cn>2</cn></apply></apply>"
        "</apply></apply></apply>"
    )
    expression = read_math(ElementTree.fromstring(math_ml.format(formula)))
    assert write(expression, PYTHON) == "8 - (5 - 6/(3*(-2)**2))"
    assert write(expression, RXODE2) == "8 - (5 - 6/(3*(-2)^2))"
