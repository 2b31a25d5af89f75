"""A Sphinx extension: formulas as MathML, which browsers draw themselves.

Sphinx's own renderer loads MathJax from a content delivery network, two megabytes of it; a book
that makes no request outside itself needs another way. docutils converts LaTeX to MathML.
"""

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

LOGGER = logging.getLogger(__name__)


def setup(app) -> dict:
    """Register the renderer; ``html_math_renderer = "mathml"`` chooses it."""
    app.add_html_math_renderer("mathml", (_inline, None), (_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _inline(translator, node) -> None:
    translator.body.append(_mathml(translator, node, as_block=False))
    raise nodes.SkipNode


def _display(translator, node) -> None:
    translator.body.append(translator.starttag(node, "div", CLASS="math"))
    if node["number"]:
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})</span>')
    translator.body.append(_mathml(translator, node, as_block=True) + "</div>\n")
    raise nodes.SkipNode


def _mathml(translator, node, *, as_block: bool) -> str:
    try:
        return str(tex2mathml(node.astext(), as_block=as_block))
    except (ValueError, SyntaxError) as error:  # docutils' MathError is a ValueError
        LOGGER.warning("this formula cannot become MathML: %s", error, location=node)
        return f"<code>{translator.encode(node.astext())}</code>"
