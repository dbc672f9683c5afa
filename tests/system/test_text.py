import pytest

from cnnfx.system.text import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb.png", r"a\x1b[2Jb.png"),
        ("c\nd: 9 (99 %).png", r"c\nd: 9 (99 %).png"),
        ("a\rb\tc", r"a\rb\tc"),
        ("u\x9f.png", r"u\x9f.png"),
        ("bidi\u202egnp.png", r"bidi\u202egnp.png"),
        ("isolate\u2066x", r"isolate\u2066x"),
        ("line\u2028end", r"line\u2028end"),
        ("caf\udce9.png", r"caf\udce9.png"),
        ("\x7f", r"\x7f"),
    ],
)
def test_characters_that_change_a_terminal_are_escaped(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    "text", ["seven.png", "größer", "верх", "上", "∂x", "🙂", "عليا", "a\\x1b", "two words", "\xa0"]
)
def test_other_characters_stay(text):
    assert printable(text) == text
