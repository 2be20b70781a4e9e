"""The page in a real browser without a network: nothing is cut off, nothing is fetched."""

import pytest

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [1280, 820, 390])
def test_page_fits_the_screen_without_a_network(shown, page, width):
    shown(page, width)
