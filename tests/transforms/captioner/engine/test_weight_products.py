"""Products with packed weights are those of torch; where there is no AVX-512 they are torch's."""

import pytest
import torch

from transforms.captioner.engine import products
from transforms.captioner.engine.products import Packed, PackedLinear, Plain, can_pack, pack_linears, product, rows_for

pytestmark = pytest.mark.model
needs_packing = pytest.mark.skipif(
    not can_pack(torch.zeros(1)), reason="this CPU has no AVX-512, or this torch no oneDNN"
)


def random(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@needs_packing
@torch.inference_mode()
@pytest.mark.parametrize("rows", [1, 3, 4, 27, 32, 33, 300, 1500])
def test_packed_weights_give_the_same(rows: int) -> None:
    matrix, x, before = random(96, 200), random(rows, 96, seed=2), random(rows, 200, seed=3)
    packed, plain = Packed(matrix), Plain(matrix)
    assert packed.shape == plain.shape == (96, 200)
    assert torch.allclose(packed(x), plain(x), atol=1e-4)
    assert torch.allclose(packed.add_to(before, x), plain.add_to(before, x), atol=1e-4)
    assert packed(x).shape == (rows, 200)


@needs_packing
@torch.inference_mode()
def test_linear_layers_are_replaced_with_their_bias_and_at_any_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "_gains", lambda: True)
    stock = torch.nn.Sequential(torch.nn.Linear(16, 24), torch.nn.Sequential(torch.nn.Linear(24, 8, bias=False)))
    x = random(2, 3, 16)
    expected = stock(x)
    pack_linears(stock)
    assert isinstance(stock[0], PackedLinear)
    assert isinstance(stock[1][0], PackedLinear)
    assert torch.allclose(stock(x), expected, atol=1e-5)


@needs_packing
@pytest.mark.parametrize(("packed", "usual", "kind"), [(0.8, 1.0, Packed), (0.9, 1.0, Plain), (2.0, 1.0, Plain)])
def test_weights_are_packed_where_that_is_clearly_faster(
    monkeypatch: pytest.MonkeyPatch, packed: float, usual: float, kind: type
) -> None:
    seconds = iter((packed, usual))
    monkeypatch.setattr(products, "_least_seconds", lambda run: next(seconds) if run() is not None else None)
    products._gains.cache_clear()
    try:
        assert isinstance(product(torch.zeros(4, 4)), kind)
        assert isinstance(product(torch.zeros(4, 4)), kind)  # tried once
    finally:
        products._gains.cache_clear()


def test_few_numbers_of_rows_are_multiplied() -> None:
    assert [rows_for(rows) for rows in (1, 4, 5, 32, 33, 256, 257, 1024, 1025)] == [
        4, 4, 8, 32, 64, 256, 384, 1024, 1536,
    ]  # fmt: skip
    assert len({rows_for(rows) for rows in range(1, 4096)}) <= 30


def test_elsewhere_it_is_the_usual_product(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(product(torch.zeros(4, 4, dtype=torch.bfloat16)), Plain)
    assert isinstance(product(torch.zeros(4, 4, device="meta")), Plain)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    matrix, x = random(4, 5), random(2, 4)
    usual = product(matrix)
    assert isinstance(usual, Plain)
    assert torch.equal(usual(x), x @ matrix)
    assert usual.rows_for(3) == 3
    layer = torch.nn.Sequential(torch.nn.Linear(4, 4))
    products.pack_linears(layer)
    assert isinstance(layer[0], torch.nn.Linear)
