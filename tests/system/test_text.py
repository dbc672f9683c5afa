import pytest

from cnnfx.system.text import printable, shorten_words


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


def test_only_words_of_over_200_characters_are_shortened_in_a_message():
    kept = f'unknown filter "{"a" * 190}". Did you mean "{"b" * 50} {"c" * 190}"?'
    assert shorten_words(kept) == kept
    assert shorten_words(f"unknown filter {'a' * 201}. Use b.") == f"unknown filter {'a' * 59}… Use b."
