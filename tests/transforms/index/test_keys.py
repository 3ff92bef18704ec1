import random

import numpy as np

from transforms.index.keys import Keys


def test_rows_are_found_in_the_order_they_came_however_they_were_added() -> None:
    dice = random.Random(1)
    keys = [dice.choice([0, 1, 2**63, 2**64 - 1, dice.getrandbits(64)]) for _ in range(5000)]
    found = Keys(np.array(keys[:1500], np.uint64))
    for row, key in enumerate(keys[1500:], 1500):
        found.add(key, row)
    for key in {*keys, 3, 2**64 - 2}:
        assert found.find(key) == [row for row, held in enumerate(keys) if held == key]


def test_memory_is_a_few_bytes_a_row() -> None:
    found = Keys(np.empty(0, np.uint64))
    for row in range(100_000):
        found.add(row * 7919, row)
    assert found.nbytes < 100_000 * 45
