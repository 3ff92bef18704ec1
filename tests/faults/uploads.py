"""What a fault case uploads: pictures, copies of them, poison and deletions."""

import io
import random

from data.web_host import WebHost
from live.shop import Shop, product_png
from PIL import Image

from pipeline.kafka.connection import producer
from schemas.codec import Encoder


class Uploads:
    """Sends to a topic and remembers the ids."""

    def __init__(self, shop: Shop, topic: str, partitions: int, rng: random.Random) -> None:
        self.ids: list[str] = []
        self.poisoned: list[str] = []
        self._shop, self._topic, self._partitions, self._rng = shop, topic, partitions, rng

    def leaders(self, count: int, languages: tuple[str, ...] = ("zh-Hans", "en")) -> list[str]:
        """Distinct pictures, small; returns their ids."""
        return self._upload([(f"p{n}", product_png(n), languages) for n in self._numbers(count)])

    def big_leaders(self, count: int) -> list[str]:
        """Distinct pictures of about 60 KB."""
        return self._upload([(f"p{n}", _noisy(n), ("en",)) for n in self._numbers(count)])

    def copies(self, of: list[str], count: int) -> list[str]:
        """Pictures uploaded again under other ids; each goes to its picture's partition, behind it."""
        made = []
        for _ in range(count):
            original = self._rng.choice(of)
            number = int(original.removeprefix("p").partition("-")[0])
            made.append((f"{original}-{len(self.ids) + len(made)}", product_png(number), ("zh-Hans", "en")))
        return self._upload(made)

    def hosted(self, host: WebHost, count: int) -> list[str]:
        """Distinct pictures that lie on a host, under ``/NUMBER.png``."""
        return self._upload([(f"p{n}", host.url(f"/{n}.png"), ("zh-Hans", "en")) for n in self._numbers(count)])

    def hopeless(self, host: WebHost, count: int) -> list[str]:
        """Pictures that will never come from their host: they end as dead letters."""
        made = [(f"hopeless{n}", host.url(f"/{n}.png"), ("en",)) for n in range(count)]
        names = self._upload(made)
        self.ids = [image_id for image_id in self.ids if image_id not in names]
        self.poisoned += names
        return names

    def poison(self, count: int) -> list[str]:
        """Records that no schema reads."""
        keys = [f"poison-{len(self.poisoned) + n}" for n in range(count)]
        self._send([(key, b"\xff\xfe" + key.encode(), n % self._partitions) for n, key in enumerate(keys)])
        self.poisoned += keys
        return keys

    def delete(self, image_id: str) -> None:
        """A tombstone for an image, behind it."""
        self._send([(image_id, None, self._partition(image_id))])

    def _numbers(self, count: int) -> range:
        first = len({image_id.partition("-")[0] for image_id in self.ids})
        return range(first, first + count)

    def _upload(self, made: list[tuple[str, bytes | str, tuple[str, ...]]]) -> list[str]:
        encoder = Encoder("image_upload")
        base = {"uploaded_at": 1_700_000_000_000, "merchant": "m"}
        values = [
            encoder.encode(
                {
                    **base,
                    "image_id": image_id,
                    "uri" if isinstance(picture, str) else "image": picture,
                    "languages": list(tags),
                }
            )
            for image_id, picture, tags in made
        ]
        ids = [image_id for image_id, _, _ in made]
        self._send([(image_id, value, self._partition(image_id)) for image_id, value in zip(ids, values, strict=True)])
        self.ids += ids
        return ids

    def _send(self, records: list[tuple[str, bytes | None, int]]) -> None:
        client, headers = producer(self._shop.kafka), [("merchant", b"m")]
        try:
            futures = [
                client.send(self._topic, key=key.encode(), value=value, partition=partition, headers=headers)
                for key, value, partition in records
            ]
            client.flush(timeout=30)
            for future in futures:
                future.get(timeout=30)
        finally:
            client.close()

    def _partition(self, image_id: str) -> int:
        """By picture, so that copies come behind their leader in every run."""
        return int("".join(c for c in image_id.partition("-")[0] if c.isdigit())) % self._partitions


def _noisy(number: int) -> bytes:
    rng = random.Random(number)
    small = Image.frombytes("RGB", (9, 9), rng.randbytes(9 * 9 * 3)).resize((200, 150), Image.Resampling.BICUBIC)
    noise = Image.frombytes("RGB", (200, 150), rng.randbytes(200 * 150 * 3))
    buffer = io.BytesIO()
    Image.blend(small, noise, 0.1).save(buffer, "PNG")
    return buffer.getvalue()
