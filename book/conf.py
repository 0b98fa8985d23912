"""Sphinx settings of the book. Notebooks come executed; nothing is fetched when a page opens."""

import json
import os
from importlib.util import find_spec
from pathlib import Path

from ccta_lib import __version__
from ccta_lib.banner import BANNERS

run = json.loads((Path(os.environ["CCTA_RUN"]) / "run.json").read_text(encoding="utf-8"))
lead, rest = BANNERS[run["data_kind"]]

project = "Coronary stenosis from the ECG"
author = "The ccta-lib authors"
copyright = "2026, the ccta-lib authors; text, tables and data CC BY 4.0, code MIT"
version = release = __version__
language = "en"

extensions = [
    "myst_nb", "sphinx_design", "sphinx_copybutton", "sphinxcontrib.bibtex", "sphinx.ext.mathjax",
    "sphinx.ext.autodoc", "sphinx.ext.napoleon", "ccta_lib.book.sphinx_book",
]  # fmt: skip
# One self-contained file, laid into _static by the renderer; only pages with mathematics load it.
mathjax_path = "mathjax.js"
bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "plain"
exclude_patterns = ["_generated", "notebooks", "reporting"]
nitpicky = True
# Types in signatures are names of Python and of packages whose own documentation no page here may ask for.
nitpick_ignore_regex = [("py:.*", r"(?!ccta_lib\.).*"), ("py:class", ".*")]
numfig = True
suppress_warnings = ["mystnb.unknown_mime_type"]

# The reference: what is public, as its docstrings tell it, also where torch is not installed.
autodoc_mock_imports = [name for name in ("torch", "safetensors") if not find_spec(name)]
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
# Attributes are read like parameters, so that "a, b : meaning" names two.
napoleon_custom_sections = [("Attributes", "Parameters")]

nb_execution_mode = "off"
nb_ipywidgets_js = {}
# A table or figure brings HTML for JupyterLab and MyST for the book; the book takes the MyST.
nb_mime_priority_overrides = [("html", "text/markdown", 0), ("latex", "text/markdown", 0)]
nb_render_markdown_format = "myst"
nb_number_source_lines = False
nb_code_prompt_show = "Show the {type}"
nb_code_prompt_hide = "Hide the {type}"
myst_enable_extensions = ["colon_fence", "dollarmath", "deflist", "attrs_inline"]
myst_heading_anchors = 3

# Print: XeLaTeX, because a chapter shows Chinese reports; what the numbers are not stands on every page.
latex_engine = "xelatex"
latex_documents = [("index", "book.tex", f"{project}: an executable paper", author, "manual")]
latex_domain_indices = False
latex_show_urls = "no"
today = "Run of " + max(stage["finished"] for stage in run["stages"].values())[:10]
latex_elements = {
    "papersize": "a4paper",
    "pointsize": "10pt",
    "extraclassoptions": "openany,oneside",
    "makeindex": "",
    "printindex": "",
    "figure_align": "H",
    "sphinxsetup": "hmargin={22mm,22mm}, vmargin={26mm,24mm}, verbatimwithframe=false",
    "preamble": (Path(__file__).parent / "_static" / "print.tex")
    .read_text(encoding="utf-8")
    .replace("@LEAD@", lead)
    .replace("@REST@", rest),
}

html_theme = "sphinx_book_theme"
html_title = "Coronary stenosis from the ECG: an executable paper"
html_static_path = ["_static"]
templates_path = ["_templates"]
html_show_search_summary = False  # it would fetch pages, which a browser forbids a page opened from disk
html_css_files = ["book.css", "reference.css"]
html_context = {"default_mode": "auto"}  # without it the theme reports an invalid mode on each first visit
html_copy_source = False
html_sidebars = {"**": ["navbar-logo.html", "sbt-sidebar-nav.html"]}  # the search field stands in the header
html_theme_options = {
    "announcement": f"<strong>{lead}</strong> {rest}",
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "show_navbar_depth": 2,
    "home_page_in_toc": True,
}


def mend_body(app, page, template, context, doctree):
    """Make a bibliography a list of list items for screen readers, and a figure a box that scrolls on a phone."""
    if "body" in context:
        body = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')
        # The theme lets a keyboard reach what has this class and is wider than the window.
        context["body"] = body.replace('<figure class="', '<figure class="pst-scrollable-table-container ')


def name_toggles(app, exception):
    """Give the toggles of the sidebar a name; the theme leaves them an icon."""
    if exception is None and app.builder.format == "html":
        for path in Path(app.outdir).rglob("*.html"):
            page = path.read_text(encoding="utf-8")
            bare = '<summary><span class="toctree-toggle"'
            if bare in page:
                named = bare.replace("<summary>", '<summary aria-label="Pages below">')
                path.write_text(page.replace(bare, named), encoding="utf-8")


def setup(app):
    """Connect what settings cannot say."""
    app.connect("html-page-context", mend_body)
    app.connect("build-finished", name_toggles)
