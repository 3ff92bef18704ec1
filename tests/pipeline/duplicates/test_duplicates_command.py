"""``captionstream duplicates`` as a shop meets it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from data.html_page import Page
from data.shop_folder import SHOP, fill, write_labels

from pipeline.cli import main, parse
from pipeline.commands.reuse import similarity_rule
from pipeline.commands.shared import inspection, job_config

ROOT = Path(__file__).parents[3]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return fill(tmp_path / "shop")


def test_the_summary_compares_the_presets(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["duplicates", str(shop)]) == 0
    said = capsys.readouterr()
    assert said.err == "captionstream: add --report FILE to see the pictures\n"
    lines = said.out.splitlines()
    assert re.fullmatch(r"pictures +11  \d+\.\d s, \d+ pictures/s", lines[0])
    assert re.fullmatch(r"unreadable +2  image_format_unsupported 1, image_corrupt 1", lines[1])
    assert re.fullmatch(r"too little detail +3  quality below 50: equal bytes only", lines[2])
    assert " ".join(lines[4].split()) == "preset bits ΔE chroma captions groups copies share same bytes near"
    assert " ".join(lines[5].split()) == "strict 4 7 5 7 2 4 36.4 % 2 2"
    assert " ".join(lines[6].split()) == "balanced * 6 10 7 7 2 4 36.4 % 2 2"
    assert " ".join(lines[7].split()) == "lenient 8 15 9 6 3 5 45.5 % 2 3"
    assert "* balanced is chosen" in lines
    near_miss = r"hat/pale.png stays apart from hat.png: \d bits, ΔE 1\d\.\d, chroma \d\.\d; lenient joins them"
    assert re.search(rf"near misses: 1\n  {near_miss}\n", said.out)
    assert "  notes.txt: image_format_unsupported: the content is `text`" in said.out
    assert "precision" not in said.out


def test_with_labels_it_tells_how_often_it_is_right(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = write_labels(tmp_path / "labels.csv", {**SHOP, "bag/q60.jpg": "purse"})
    assert main(["duplicates", str(shop), "--labels", str(labels)]) == 0
    said = capsys.readouterr().out
    assert re.search(r"labelled +8  have a product", said)
    assert re.search(r"balanced \* .* 66.7 % +66.7 %\n", said)
    assert re.search(r"lenient .* 75.0 % +100.0 %\n", said)
    assert re.search(r"wrong joins: 1\n  bag/q60.jpg joined bag.png: \d bits, ΔE \d\.\d, chroma \d\.\d\n", said)
    assert re.search(r"missed: 1\n  hat/pale.png did not join hat.png: ΔE 1\d\.\d, 10 allowed\n", said)


def test_a_colour_in_the_labels_keeps_equal_pictures_apart(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "labels.csv").write_text("path,product,colour\nbag.png,bag,green\nbag/again.png,bag,blue\n")
    assert main(["duplicates", str(shop), "--labels", str(tmp_path / "labels.csv"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["missed"][0]["why"] == "`colour` differs: `blue` and `green`"
    assert said["rules"]["balanced"]["same_bytes"] == 1


def test_categories_in_the_labels_keep_equal_pictures_apart_where_that_is_asked_for(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "labels.csv").write_text("path,product,category\nbag.png,bag,bags\nbag/again.png,bag,food\n")
    command = ["duplicates", str(shop), "--labels", str(tmp_path / "labels.csv")]
    assert main(command) == 0
    assert "did not join" not in capsys.readouterr().out
    assert main([*command, "--scope", "category"]) == 0
    said = capsys.readouterr().out
    assert "  bag/again.png did not join bag.png: `category` differs: `food` and `bags`\n" in said


def test_json_is_one_object_for_a_program(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels, report = write_labels(tmp_path / "labels.csv"), tmp_path / "new" / "report.html"
    arguments = ["duplicates", str(shop), "--labels", str(labels), "--report", str(report), "--json"]
    assert main([*arguments, "--preset", "lenient"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["pictures"], said["labelled"], said["chosen"]) == (11, 8, "lenient")
    assert said["rules"]["lenient"] == {
        "max_hash_distance": 8,
        "max_colour_distance": 15.0,
        "max_chroma_distance": 9.0,
        "ignore_colour": False,
        "captions": 6,
        "groups": 3,
        "copies": 5,
        "share": 0.4545,
        "same_bytes": 2,
        "near": 3,
        "precision": 1.0,
        "recall": 1.0,
    }
    assert said["rules"]["strict"]["recall"] == 0.75
    assert [(group["leader"], [join["path"] for join in group["joins"]]) for group in said["groups"]] == [
        ("bag.png", ["bag/again.png", "bag/half.png", "bag/q60.jpg"]),
        ("hat.png", ["hat/pale.png"]),
        ("white-again.png", ["white.png"]),
    ]
    pale = said["groups"][1]["joins"][0]
    assert pale["hash_distance"] == 2
    assert 10 < pale["colour_distance"] <= 15
    assert 0 < pale["chroma_distance"] <= 7
    assert said["near_misses"] == said["wrong_joins"] == said["missed"] == []
    assert [(one["path"], one["code"]) for one in said["unreadable"]] == [
        ("notes.txt", "image_format_unsupported"),
        ("torn.png", "image_corrupt"),
    ]
    assert "Duplicates in" in Page(report.read_text("utf-8")).text()


def test_a_chroma_limit_of_ones_own_has_a_row(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["duplicates", str(shop), "--max-chroma-distance", "0"]) == 0
    said = capsys.readouterr().out
    rows = [" ".join(line.split()) for line in said.splitlines()]
    assert "balanced 6 10 7 7 2 4 36.4 % 2 2" in rows
    assert "custom * 6 10 0 9 2 2 18.2 % 2 0" in rows
    # Only its limit on chroma is wider than this rule's, and that is enough to be the one that joins them.
    assert re.search(r"  bag/half.png stays apart from bag.png: \d bits, ΔE \d\.\d, chroma \d\.\d; strict joins", said)


def test_colour_variants_can_have_one_text(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("path,product,colour\nbag.png,bag,green\nbag/again.png,bag,blue\nbag/red.png,bag,red\n")
    arguments = ["duplicates", str(shop), "--labels", str(labels), "--max-hash-distance", "8"]
    assert main([*arguments, "--json"]) == 0
    apart = json.loads(capsys.readouterr().out)
    assert apart["rules"]["custom"]["recall"] == 0.0
    assert main([*arguments, "--reuse-colour-variants"]) == 0
    said = capsys.readouterr().out
    rows = [" ".join(line.split()) for line in said.splitlines()]
    assert "custom * 8 - - 5 3 6 54.5 % 2 4 100.0 % 100.0 %" in rows
    assert "near misses" not in said
    assert main([*arguments, "--reuse-colour-variants", "--json"]) == 0
    together = json.loads(capsys.readouterr().out)
    assert together["rules"]["custom"]["ignore_colour"]
    bag = together["groups"][0]
    assert (bag["leader"], len(bag["joins"])) == ("bag.png", 4)
    assert [join["chroma_distance"] > 100 for join in bag["joins"] if join["path"] == "bag/red.png"] == [True]


def test_report_and_labels_may_lie_in_the_folder(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels, report = write_labels(shop / "labels.csv"), shop / "report.html"
    for _ in range(2):
        assert main(["duplicates", str(shop), "--labels", str(labels), "--report", str(report), "--json"]) == 0
        assert len(json.loads(capsys.readouterr().out)["unreadable"]) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--max-hash-distance", "40"], "hash distance `40` is outside 0 to 16; mend --max-hash-distance"),
        (["--max-image-pixels", "0"], "--max-image-pixels `0` is below `1`; mend --max-image-pixels"),
        (
            ["--labels", "nothing.csv"],
            "labels `nothing.csv` cannot be read (`No such file or directory`); mend --labels",
        ),
        (["--report", "/dev/null/a.html"], "report `/dev/null/a.html` cannot be written (`File exists`); mend"),
    ],
)
def test_errors_are_one_line_with_a_remedy(
    shop: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["duplicates", str(shop), *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("captionstream: config_invalid: ")
    assert words in said
    assert said.count("\n") == 1


def test_a_folder_that_is_none_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["duplicates", str(tmp_path / "no")]) == 2
    assert capsys.readouterr().err == (
        f"captionstream: config_invalid: `{tmp_path / 'no'}` is not a directory; name one that holds pictures\n"
    )


def test_a_name_does_not_steer_the_terminal(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "\x1b[2J\u202egnp.txt").write_text("x")
    assert main(["duplicates", str(shop)]) == 0
    assert "\n  \\x1b[2J\\u202egnp.txt: image_format_unsupported" in capsys.readouterr().out


def test_rule_and_limits_are_those_of_a_job_with_the_same_options() -> None:
    options = ["--preset", "strict", "--max-colour-distance", "3", "--max-chroma-distance", "2"]
    options += ["--reuse-colour-variants", "--max-image-bytes", "9", "--max-encoded-bytes", "20000"]
    options += ["--max-pixels", "90000"]
    ours, job = parse(["duplicates", "DIR", *options]), job_config(parse(["replay", *options]))
    assert similarity_rule(ours) == job.similarity
    assert inspection(ours) == job.inspect


def test_no_model_no_kafka_and_no_beam_are_imported(shop: Path) -> None:
    code = (
        "import sys; from pipeline.cli import main\n"
        f"main(['duplicates', {str(shop)!r}, '--report', {str(shop.parent / 'report.html')!r}, '--json'])\n"
        "print(sorted(name for name in sys.modules if '.' not in name))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    first, modules = done.stdout.splitlines()
    assert json.loads(first)["pictures"] == 11
    assert not re.search(r"'(torch|transformers|apache_beam|kafka|grpc|fastavro)'", modules)
    assert "'jinja2'" in modules
