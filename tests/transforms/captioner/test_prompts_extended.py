"""Libraries of a user's own: what they add to the bundled ones and replace in them, and what a check says of them."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from transforms.captioner.api import RenderedPrompt
from transforms.captioner.prompts import Library
from transforms.captioner.prompts.check import PromptReport, check_prompts
from transforms.errors import ConfigInvalid
from transforms.values import Reason

HEAD = 'version = "shop-3"\nextends = "default"\n'
SHOES = """
[[prompt]]
id = "shoes-en"
task = "DESCRIBE"
category = "shoes"
language = "en"
text = "Describe these shoes."
"""

Load = Callable[[str], Library]


@pytest.fixture
def path(tmp_path: Path) -> Callable[[str], str]:
    def write(content: str) -> str:
        file = tmp_path / "shop.toml"
        file.write_text(content, "utf-8")
        return str(file)

    return write


@pytest.fixture
def load(path: Callable[[str], str]) -> Load:
    return lambda content: Library.load(path(content))


def ask(library: Library, category: str = "", language: str = "en", task: str = "DESCRIBE") -> RenderedPrompt:
    return library.render(category, task, language, {"title": "T"}, "Why?" if task == "ANSWER" else None)


def test_a_file_adds_a_category(load: Load) -> None:
    shop, default = load(HEAD + SHOES), Library.load("default")
    assert ask(shop, "shoes").text == "Describe these shoes."
    assert (ask(shop, "shoes").prompt_id, ask(shop, "shoes").prompt_version) == ("shoes-en", "shop-3")
    assert ask(shop, "shoes").system == ask(default).system
    for task in default.tasks():
        for language in default.languages(task):
            assert ask(shop, "food", language, task) == ask(default, "food", language, task)
    assert ask(shop, "shoes", "zh-Hans") == ask(default, "", "zh-Hans")


def test_a_file_replaces_the_prompt_of_its_place(load: Load) -> None:
    shop = load(HEAD + SHOES.replace('"shoes"', '"food"'))
    assert ask(shop, "food").prompt_id == "shoes-en"
    assert ask(shop, "food", "zh-Hans").prompt_id == "describe-food-zh-Hans"
    assert "describe-food-en" not in {prompt.id for prompt in shop.prompts}
    assert len(shop.prompts) == len(Library.load("default").prompts)


def test_a_replaced_prompt_may_keep_its_id(load: Load) -> None:
    shop = load(HEAD + SHOES.replace('"shoes"', '"food"').replace("shoes-en", "describe-food-en"))
    assert ask(shop, "food").text == "Describe these shoes."
    with pytest.raises(ConfigInvalid, match="its id is used twice"):
        load(HEAD + SHOES.replace("shoes-en", "describe-food-en"))


def test_a_system_turn_is_changed_for_all_prompts_of_its_task(load: Load) -> None:
    shop, default = load(HEAD + '[system]\nDESCRIBE = "Be brief."\n' + SHOES), Library.load("default")
    for category, language in [("shoes", "en"), ("", "en"), ("food", "zh-Hans"), ("", "zh-Hant")]:
        prompt = ask(shop, category, language)
        assert (prompt.system, prompt.prompt_version) == ("Be brief.", "shop-3")
        if category != "shoes":
            assert prompt.text == ask(default, category, language).text
    assert ask(shop, task="INDEX") == ask(default, task="INDEX")


def test_a_prompt_may_have_its_own_system_turn(load: Load) -> None:
    shop = load(HEAD + SHOES + 'system = "Be kind."')
    assert ask(shop, "shoes").system == "Be kind."
    assert ask(shop).system == ask(Library.load("default")).system
    assert ask(load(HEAD + SHOES + 'system = ""'), "shoes").system == ""


def test_languages_and_attributes_of_ones_own(load: Load) -> None:
    german = SHOES.replace("shoes-en", "de").replace('"shoes"', '"*"').replace('"en"', '"de"')
    shop = load(HEAD + 'attributes = ["fit"]\n' + german.replace("shoes.", "shoes.\\n{fit}\\n{title}"))
    assert shop.languages("DESCRIBE") == ("de", "en", "zh-Hans", "zh-Hant")
    assert shop.language("DESCRIBE", "de-AT") == "de"
    prompt = shop.render("", "DESCRIBE", "de-AT", {"fit": "slim"}, None)
    assert (prompt.text, prompt.language) == ("Describe these shoes.\n«slim»", "de")


def test_extending_alone_is_enough(load: Load) -> None:
    assert load(HEAD).prompts == Library.load("default").prompts
    assert load(HEAD.replace("default", "alt_text")).prompts == Library.load("alt_text").prompts


def test_libraries_are_compared_by_content_and_travel_whole(load: Load) -> None:
    shop = load(HEAD + SHOES)
    sent = pickle.loads(pickle.dumps(shop))  # noqa: S301 - our own
    assert sent == shop
    assert hash(sent) == hash(shop)
    assert ask(sent, "shoes") == ask(shop, "shoes")
    assert shop != load(HEAD + SHOES.replace("these", "those"))
    assert shop != load(HEAD.replace("shop-3", "shop-4") + SHOES)


def test_the_documented_library_is_one(path: Callable[[str], str]) -> None:
    words = (Path(__file__).parents[3] / "docs" / "prompts.md").read_text("utf-8")
    shown = words.split("```toml\n", 1)[1].split("```", 1)[0]
    report = check_prompts(path(shown))
    assert (report.problems, report.warnings) == ((), ())
    assert "shoes-en" in {prompt.prompt_id for prompt in report.rendered}
    assert all(f"`{reason}`" in words for reason in Reason)


@pytest.mark.parametrize("name", ["default", "alt_text", "tiny"])
def test_the_bundled_libraries_have_nothing_to_mend(name: str) -> None:
    report = check_prompts(name)
    assert (report.problems, report.warnings) == ((), ())
    assert [prompt.prompt_id for prompt in report.rendered] == [prompt.id for prompt in Library.load(name).prompts]
    if name != "tiny":
        for prompt in report.rendered:
            sample = "What is it made of?" if prompt.prompt_id.startswith("answer") else "sample title"
            assert sample in prompt.text or prompt.prompt_id.startswith("moderate")


def test_a_problem_is_told_not_raised(path: Callable[[str], str]) -> None:
    file = path(HEAD + SHOES.replace("shoes.", "{shoe}."))
    report = check_prompts(file)
    assert report.rendered == ()
    assert report.problems == (
        f"prompt library `{file}`, prompt `shoes-en`: placeholder `{{shoe}}` is no known attribute; mend it (there are "
        '{title}, {brand}, {colour}, {sku}, {attributes}) or declare it: attributes = ["shoe"]',
    )
    assert check_prompts("nowhere.toml").problems[0].startswith("prompt library `nowhere.toml` cannot be read")


def warnings(path: Callable[[str], str], content: str, **options: object) -> tuple[str, ...]:
    report: PromptReport = check_prompts(path(content), **options)  # type: ignore[arg-type]
    assert report.problems == ()
    return report.warnings


def test_a_label_without_its_value_is_a_warning(path: Callable[[str], str]) -> None:
    assert warnings(path, HEAD + SHOES.replace("shoes.", "shoes.\\nTitle: {title}")) == (
        "prompt `shoes-en`: the line `Title: {title}` stays where an upload has no title; "
        "a line of nothing but {title} goes away",
    )


def test_two_system_turns_in_one_request_are_a_warning(path: Callable[[str], str]) -> None:
    assert warnings(path, HEAD + SHOES + 'system = "Be kind."') == (
        "prompts `shoes-en` and `describe-zh-Hans` are asked of one picture (DESCRIBE, category `shoes`) and have "
        "different system turns: the picture is read anew for each; give them one",
    )


def test_prompts_that_no_slot_holds_are_a_warning(path: Callable[[str], str]) -> None:
    (warning,) = warnings(path, HEAD + SHOES.replace("shoes.", "shoes.\\n{attributes}"))
    assert warning.startswith("prompt `shoes-en`: with the longest attributes and its answer it has about `")
    assert warning.endswith("and `768` are taken; shorten it, name fewer attributes or raise --text-tokens")
    assert warnings(path, HEAD + SHOES, text_tokens=100_000, count=len) == ()
    counted = warnings(path, HEAD + SHOES, text_tokens=1000, count=lambda text: 400)
    long = [prompt for prompt in Library.load("default").prompts if prompt.max_new_tokens > 1000 - 824]
    assert len(counted) == len(long) + 1 == 7
    assert counted[-1].startswith("prompt `shoes-en`: with the longest attributes and its answer it has about `1024` t")
