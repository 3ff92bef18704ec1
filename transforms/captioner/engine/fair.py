"""Who is served next when several sources ask: deficit round robin (Shreedhar and Varghese, 1995). No torch here."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """Items wait by source; in a round each source may spend the same cost.

    A source with ten thousand items delays another one's single item by a round at most.
    """

    def __init__(self, quantum: int) -> None:
        """``quantum``: what a source may spend in a round, in the unit of the items' cost; 1 or more."""
        self._quantum = quantum
        self._waiting: OrderedDict[str, deque[tuple[int, Item]]] = OrderedDict()
        """The source whose turn it is comes first."""
        self._credit: dict[str, int] = {}
        self._is_credited = False
        """Whether that source has got what it may spend in this turn."""
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Item]:
        """Iterate over all items, in no promised order."""
        return (item for items in self._waiting.values() for _, item in items)

    def put(self, source: str, cost: int, item: Item) -> None:
        """Append an item of a source."""
        self._of(source).append((cost, item))

    def put_first(self, source: str, cost: int, item: Item) -> None:
        """Put an item before all others, whatever it costs: it had its turn and was sent back."""
        self._of(source).appendleft((cost, item))
        self._waiting.move_to_end(source, last=False)
        self._credit[source] += cost
        self._is_credited = True

    def take(self, fits: Callable[[Item], bool] = lambda _: True) -> Item | None:
        """Remove the item whose turn it is. None when nothing waits, or when that item does not fit.

        One that does not fit is waited for: else small items would overtake it for ever.
        """
        while self._waiting:
            source, items = next(iter(self._waiting.items()))
            if not self._is_credited:
                self._credit[source] += self._quantum
                self._is_credited = True
            cost, item = items[0]
            if cost > self._credit[source]:
                self._waiting.move_to_end(source)
                self._is_credited = False
                continue
            if not fits(item):
                return None
            items.popleft()
            self._credit[source] -= cost
            self._count -= 1
            if not items:  # credit is not saved up while nothing waits
                del self._waiting[source], self._credit[source]
                self._is_credited = False
            return item
        return None

    def _of(self, source: str) -> deque[tuple[int, Item]]:
        self._count += 1
        self._credit.setdefault(source, 0)
        return self._waiting.setdefault(source, deque())
