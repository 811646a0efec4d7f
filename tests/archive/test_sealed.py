"""Records that only the key opens."""

import pytest

from end2end.archive import sealed

KEY, OTHER = bytes(32), bytes(range(32))


def test_a_sealed_value_comes_back_and_shows_nothing():
    value = dict(patient="0001234", day="2019-03-01", notes=["Ä"])
    texts = [sealed.seal(value, KEY) for _ in range(2)]
    assert [sealed.unseal(text, KEY) for text in texts] == [value, value]
    assert texts[0] != texts[1] and texts[0].isascii() and "\n" not in texts[0]
    assert not any("0001234" in text for text in texts)


@pytest.mark.parametrize("change", ["key", "content", "length", "no base 64", "sign"])
def test_a_changed_text_or_another_key_is_noticed(change):
    text = sealed.seal(["P1"], KEY)
    changed = {"content": text[:-6] + ("A" if text[-6] != "A" else "B") + text[-5:],
               "length": text[:20], "no base 64": "P1",
               "sign": f"{text[:9]}!{text[9:]}"}.get(change, text)
    with pytest.raises(ValueError):
        sealed.unseal(changed, OTHER if change == "key" else KEY)


def test_marks_are_equal_for_equal_values_of_one_key():
    assert sealed.mark(["", "P1"], KEY) == sealed.mark(("", "P1"), KEY)
    assert len({sealed.mark("P1", KEY), sealed.mark("P1", OTHER),
                sealed.mark("P2", KEY)}) == 3
