"""Panels that several tests of the report read: each runs once a process."""

from dataclasses import replace

import pytest

from harness.report.summary import BEYOND
from harness.validation.suite import run_panel


@pytest.fixture(scope="session")
def of_article_and_beyond():
    """Two panels of the article, and a short one as if it went beyond it."""
    short = run_panel("comparison")
    beyond = replace(short, spec=short.spec.model_copy(update={"figure": f"{BEYOND} the article"}))
    return [run_panel("fig2a"), run_panel("fig2b"), beyond]
