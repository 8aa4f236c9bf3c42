"""How Sphinx reads the pages that `python -m docs.site` has put together; `make docs` calls both."""

from functools import partialmethod
from importlib import metadata
from pathlib import Path

from nbclient.client import NotebookClient
from pygments.lexers.special import TextLexer

HERE = Path(__file__).parent

project = "cart-pkpd"
author = "The cart-pkpd developers"
release = metadata.version("cart-pkpd")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
]
# Of a notebook that is left out, whose shell lines are read as Python.
suppress_warnings = ["misc.highlighting_failure"]
exclude_patterns = ["examples", "files"]

myst_enable_extensions = ["attrs_block", "colon_fence"]
myst_heading_anchors = 4

nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 900
nb_execution_show_tb = True

autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_use_rtype = False

smartquotes = False  # two hyphens begin an option, and quotes are typed

html_theme = "furo"
html_title = "cart-pkpd"
html_static_path = [str(HERE / "site" / "assets")]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
pygments_style = "tango"
pygments_dark_style = "native"
html_theme_options = {"navigation_with_keys": True, "top_of_page_buttons": []}


def setup(app):
    """Tables are shown as they are, and what a command prints in pieces as a whole."""
    NotebookClient.__init__ = partialmethod(NotebookClient.__init__, coalesce_streams=True)
    app.add_lexer("csv", TextLexer)
