import pytest

from transforms.captioner.engine.rows import lay_out

IMAGE = 9


def test_one_prompt() -> None:
    row = lay_out([1, 2], IMAGE, 2, 3, [[4, 5, 6]])
    assert row.ids == (1, 2, *[IMAGE] * 6, 4, 5, 6)
    assert row.positions == (0, 1, *[2] * 6, 5, 6, 7)  # behind the picture: 2 + its longer side
    assert (row.first_visual, row.visual, row.shift) == (2, 6, -3)
    assert (row.shared, row.rests, row.length(0)) == (10, ((10, 11),), 11)


def test_prompts_share_what_they_begin_with() -> None:
    row = lay_out([1], IMAGE, 1, 1, [[4, 5, 6], [4, 5, 7, 8], [4, 9, 6]])
    assert row.ids == (1, IMAGE, 4, 5, 6, 5, 7, 8, 9, 6)
    assert row.positions == (0, 1, 2, 3, 4, 3, 4, 5, 3, 4)
    assert (row.shared, row.rests) == (3, ((3, 5), (5, 8), (8, 10)))
    assert [row.length(n) for n in range(3)] == [5, 6, 5]


@pytest.mark.parametrize("afters", [[[4, 5], [4, 5]], [[4, 5], [4, 5, 6]]])
def test_something_is_left_to_each_prompt(afters: list[list[int]]) -> None:
    row = lay_out([1], IMAGE, 1, 1, afters)
    assert row.shared == 3
    assert [row.length(n) for n in range(2)] == [2 + len(after) for after in afters]
