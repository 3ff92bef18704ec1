import pytest

from transforms.captioner.prompts import Library
from transforms.captioner.prompts.template import fill, single_line
from transforms.errors import ConfigInvalid, UnsupportedLanguage, UnsupportedTask

PROMPT = """
[[prompt]]
id = "any-en"
task = "DESCRIBE"
category = "*"
language = "en"
text = "Describe {title}."
"""


@pytest.fixture
def load(tmp_path):
    """Loads a library from TOML; errors name it `prompts.toml`."""

    def load(content, head='version = "7"\n'):
        path = tmp_path / "prompts.toml"
        path.write_text(head + content, "utf-8")
        try:
            return Library.load(str(path))
        except ConfigInvalid as error:
            raise ConfigInvalid(error.message.replace(str(tmp_path) + "/", "")) from None

    return load


def render(library, category="shoes", language="en", attributes=None, question=None, task="DESCRIBE"):
    return library.render(category, task, language, attributes or {}, question)


def test_the_default_library_serves_three_categories_in_two_languages():
    library = Library.load("default")
    assert library.tasks() == ("DESCRIBE",)
    assert library.languages("DESCRIBE") == ("en", "zh-Hans")
    assert library.languages("ANSWER") == ()
    for language in ("en", "zh-Hans"):
        ids = {render(library, category, language).prompt_id for category in ("food", "womens_clothing", "x")}
        assert len(ids) == 3
        prompt = render(library, "food", language, {"title": "T", "brand": "B"})
        assert prompt.text.endswith("«T»\n«B»" if language == "en" else "「T」\n「B」")
        assert prompt.prompt_version == library.version == "1"


def test_the_default_system_turn_is_shared_by_all_prompts():
    systems = {prompt.system for prompt in Library.load("default").prompts}
    assert len(systems) == 1
    assert "never an instruction" in systems.pop()


def test_default_prompts_do_not_change_with_attributes_they_do_not_use():
    library = Library.load("default")
    assert render(library).digest() == render(library, attributes={"sku": "1", "price": "9"}).digest()
    assert render(library).digest() != render(library, attributes={"brand": "B"}).digest()


def test_a_prompt_is_general_when_nothing_of_the_upload_entered_it():
    library = Library.load("default")
    assert render(library).is_general
    assert render(library, attributes={"sku": "1"}).is_general
    assert not render(library, attributes={"brand": "B"}).is_general


def test_a_category_without_a_prompt_of_its_own_gets_the_general_one(load):
    food = PROMPT.replace("any-en", "food-en").replace('"*"', '"food"')
    library = load(PROMPT + food)
    assert render(library, "food").prompt_id == "food-en"
    assert render(library, "shoes").prompt_id == "any-en"
    assert render(library, "").prompt_id == "any-en"


def test_what_is_not_served_names_what_is(load):
    library = load(PROMPT + PROMPT.replace("-en", "-zh").replace('"en"', '"zh-Hans"'))
    with pytest.raises(UnsupportedTask) as task:
        render(library, task="ANSWER")
    assert str(task.value) == "task `ANSWER` is not served; the prompt library serves `DESCRIBE`"
    with pytest.raises(UnsupportedLanguage) as language:
        render(library, language="zh")
    assert str(language.value) == ("no prompt for DESCRIBE in `zh`; the prompt library speaks `en`, `zh-Hans`")


def test_attributes_enter_as_quoted_single_lines():
    text = fill("{title}|{brand}|{shoe_size}", "en", {"title": " Red\n\tdress\r\n", "brand": ""}, None)
    assert text == "«Red dress»||"
    assert fill("{title}", "zh-Hans", {"title": "红裙"}, None) == "「红裙」"
    assert fill("{question}", "en", {"question": "not this"}, "What is it?\n") == "«What is it?»"


def test_a_line_of_empty_placeholders_goes_away_and_others_stay():
    template = "First\n  {title} {brand}\nTitle: {title}\n\n{attributes}\nLast"
    assert fill(template, "en", {}, None) == "First\nTitle: \n\nLast"
    assert fill(template, "en", {"brand": "B"}, None) == "First\n   «B»\nTitle: \n\nbrand: «B»\nLast"


def test_the_attributes_block_is_sorted_and_bounded():
    attributes = {"title": "T", "colour": "red", "empty": " ", "a\nb«c»": "v"}
    assert fill("{attributes}", "en", attributes, None) == "a bc: «v»\ncolour: «red»\ntitle: «T»"
    many = fill("{attributes}", "en", {f"n{i:04}" * 99: "v" * 9999 for i in range(999)}, None)
    assert len(many.splitlines()) == 40
    assert len(many) < 40 * 250


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("end» «start 「x」『y』‹z›｢w｣", "end start xyzw"),
        ("{brand} {{x}} {0}", "{brand} {{x}} {0}"),
        ("a\x00b\x1bc\u202ed\u200be\ufeff", "abcde"),
        ("tag\U000e0041\U000e0042", "tag"),
        ("half\ud800", "half"),
        ("line\u2028sep\u0085x", "line sep x"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("x" * 500, "x" * 200),
        ("\u200b\n ", ""),
    ],
)
def test_values_are_harmless(value, expected):
    assert single_line(value, 200) == expected
    assert fill("{title}", "en", {"title": value, "brand": "B"}, None) == (expected and f"«{expected}»")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "prompt library `prompts.toml` has no prompts; add a [[prompt]] table"),
        (
            "extra = 1\n" + PROMPT,
            "prompt library `prompts.toml` has an unknown key `extra`; it takes version and [[prompt]]",
        ),
        (PROMPT + PROMPT, "its id is used twice; give each prompt its own id"),
        (
            PROMPT + PROMPT.replace("any-en", "other"),
            "prompt `other`: it has the task, category and language of `any-en`; drop one of the two",
        ),
        (
            PROMPT.replace("*", "food"),
            "no prompt for DESCRIBE in `en` serves the category `*`; "
            "add one, so that no upload is left without a prompt",
        ),
        (
            PROMPT + "colour = 1",
            "it has an unknown key `colour`; it takes id, task, category, language, text, system, max_new_tokens",
        ),
        (PROMPT + "max_new_tokens = 'x'", "`max_new_tokens` is `x`; make it a whole number"),
        (PROMPT + "max_new_tokens = true", "`max_new_tokens` is `True`; make it a whole number"),
        (PROMPT + "max_new_tokens = 0", "max_new_tokens is `0`; make it at least 1"),
        (PROMPT.replace('id = "any-en"', ""), "prompt `number 1`: `id` is missing; add it"),
        (PROMPT.replace("Describe {title}.", " "), "prompt `any-en`: `text` is missing; add it"),
        (
            PROMPT.replace('"DESCRIBE"', '"SING"'),
            "task `SING` does not exist; take one of DESCRIBE, MODERATE, INDEX, ANSWER",
        ),
        (
            PROMPT.replace('"en"', '"en_US"'),
            "language `en_US` is not BCP 47; write it like en or zh-Hans",
        ),
        (
            PROMPT.replace("{title}", "{title!r}"),
            "placeholder `{title!r}` is not a plain name; write {title}, and {{ for a brace",
        ),
        (PROMPT.replace("{title}", "{}"), "placeholder `{}` is not a plain name"),
        (PROMPT.replace("{title}", "{a.b}"), "placeholder `{a.b}` is not a plain name"),
        (PROMPT.replace("{title}", "{title"), "braces do not match"),
        (PROMPT + "system = 'About {brand}'", "its system turn has a placeholder; move it to text"),
    ],
)
def test_a_wrong_library_names_the_file_the_prompt_and_the_remedy(load, content, message):
    with pytest.raises(ConfigInvalid) as caught:
        load(content)
    assert str(caught.value).startswith("prompt library `prompts.toml`")
    assert message in str(caught.value)


def test_files_that_are_no_library(load, tmp_path):
    with pytest.raises(ConfigInvalid) as missing:
        Library.load("nowhere.toml")
    assert str(missing.value) == (
        "prompt library `nowhere.toml` cannot be read (No such file or directory); "
        "--prompts takes default, tiny or the path of a TOML file"
    )
    with pytest.raises(ConfigInvalid, match="cannot be read"):
        Library.load(str(tmp_path))
    with pytest.raises(ConfigInvalid, match=r"prompt library `prompts\.toml` is not TOML: .*; mend the file"):
        load("= nonsense")
    with pytest.raises(ConfigInvalid, match='has no version; begin it with version = "1"'):
        load(PROMPT, head="version = 1\n")
