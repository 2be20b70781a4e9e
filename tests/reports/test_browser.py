"""The page in a real browser without a network: nothing is cut off, nothing is fetched."""

import pytest

pytestmark = pytest.mark.browser
HIDDEN = "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth).length"


@pytest.mark.parametrize("width", [1280, 820, 390])
def test_page_fits_the_screen_without_a_network(shown, page, width):
    tab = shown(page, width)
    assert tab.evaluate(HIDDEN) == 0 or width == 390, "tables scroll on a telephone alone"
