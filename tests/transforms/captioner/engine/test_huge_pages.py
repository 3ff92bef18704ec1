"""Memory in huge pages is memory."""

import gc
import mmap

import pytest
import torch

from transforms.captioner.engine.pages import zeros

CPU = torch.device("cpu")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(3, 5), (2, 2, 4, 700, 64), (0, 4)])
def test_zeros_that_can_be_written(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    made = zeros(shape, CPU, dtype)
    assert (made.shape, made.dtype, made.device) == (shape, dtype, CPU)
    assert made.is_contiguous()
    assert not made.any()
    made += 2
    gc.collect()
    assert (made == 2).all()


def test_a_kernel_without_huge_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(mmap.mmap):
        def madvise(self, *_: int) -> None:
            raise OSError(22, "Invalid argument")

    monkeypatch.setattr("transforms.captioner.engine.pages.mmap.mmap", Refusing)
    assert not zeros((4, 1024), CPU, torch.float32).any()


def test_a_system_without_huge_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(mmap, "MADV_HUGEPAGE")
    assert zeros((4,), CPU, torch.float32).tolist() == [0, 0, 0, 0]


def test_another_device() -> None:
    assert zeros((4,), torch.device("meta"), torch.bfloat16).is_meta
