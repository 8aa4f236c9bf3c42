"""Panels that several tests of the report read: each runs once a process."""

import pytest

from harness.validation.suite import run_panel


@pytest.fixture(scope="session")
def of_article_and_beyond():
    """Two panels of the article and one beyond it."""
    return [run_panel("fig2a"), run_panel("fig2b"), run_panel("extension")]
