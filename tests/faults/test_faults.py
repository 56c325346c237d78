# SPDX-License-Identifier: GPL-2.0-or-later
"""What was right stays right; and the page is about the scenarios that there are."""

import form
import page


def test_right(outcomes, pair):
    variant, mode = pair
    outcome = outcomes[variant.name, mode]
    said = outcome.missed or outcome.said.finals
    assert outcome.verdict == "right", f"expected {variant.right(mode) or 'nothing'}, said {said}"


def test_the_page_has_every_scenario():
    assert set(page.Page.read().rows) == {v.name for v in form.load()}, "make faults ONLY='NAME …' plays what is new"
