"""A stand-in for a server that speaks OpenAI's chat API: real HTTP, answers made from what it was asked."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from PIL import Image

Fault = Callable[[int, dict[str, Any]], tuple[int, dict[str, str], bytes] | None]
"""From the number of the question and its body to another answer: status, headers, content; None: the usual one."""


class ChatServer:
    """Remembers what it was asked."""

    def __init__(self, models: tuple[str, ...] = ("qwen",), key: str = "") -> None:
        self.bodies: list[dict[str, Any]] = []
        self.pictures: list[Image.Image] = []
        self.most_at_once = 0
        self.fault: Fault = lambda number, body: None
        self.hold = threading.Event()
        self.hold.set()
        self._models, self._key = models, key
        self._lock = threading.Lock()
        self._now = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                served = [{"id": name, "root": f"/models/{name}"} for name in outer._models]
                self._send(200 if self._is_allowed() else 401, {}, json.dumps({"data": served}).encode())

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if not self._is_allowed() or self.path != "/v1/chat/completions":
                    self._send(401 if self.path == "/v1/chat/completions" else 404, {}, b"{}")
                    return
                self._send(*outer.answer(body))

            def _is_allowed(self) -> bool:
                return not outer._key or self.headers.get("Authorization") == f"Bearer {outer._key}"

            def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
                if status == 0:  # hang up
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        with self._lock:
            self.bodies.append(body)
            number = len(self.bodies) - 1
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            self.hold.wait(30)
            if (other := self.fault(number, body)) is not None:
                return other
            text, picture = said_of(body)
            self.pictures.append(picture)
            choice = {"message": {"role": "assistant", "content": f" {text}\n"}, "finish_reason": "stop"}
            if body["max_tokens"] < 5:
                choice["finish_reason"] = "length"
            usage = {"prompt_tokens": 90, "completion_tokens": 12}
            return 200, {}, json.dumps({"choices": [choice], "usage": usage}).encode()
        finally:
            with self._lock:
                self._now -= 1


def said_of(body: dict[str, Any]) -> tuple[str, Image.Image]:
    """What is answered, which names the picture's pixels and the prompt; and the picture."""
    picture, text = body["messages"][-1]["content"]
    kind, _, data = picture["image_url"]["url"].partition(",")
    assert kind == "data:image/png;base64"
    image = Image.open(io.BytesIO(base64.b64decode(data, validate=True)))
    image.load()
    pixels = hashlib.sha256(image.tobytes()).hexdigest()[:12]
    return f"{pixels} {image.width}x{image.height} {text['text']}", image
