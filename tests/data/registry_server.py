"""A stand-in for a schema registry: real HTTP, Confluent's API as far as we use it, and faults to order.

Confluent's own client (confluent-kafka 2.16.1) works with it, too: it read captions of ours and wrote uploads for us.
Schemas are equal when their JSON is. What is compatible is what the test says: ``incompatible[subject] = [words]``.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

Said = tuple[int, Any]
"""Status, and JSON or bytes as they are."""
Fault = Callable[[int, str, str], Said | None]
"""From the number of the question, its method and path to another answer; None: the usual one. Status 0 hangs up."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that hangs up, or does not trust our certificate, is what tests are about."""


class RegistryServer:
    """``with RegistryServer() as server:`` serves at ``server.url``; ``asked`` remembers method and path."""

    def __init__(self, user: tuple[str, str] | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[str] = []
        self.fault: Fault = lambda number, method, path: None
        self.incompatible: dict[str, list[str]] = {}
        self.levels: dict[str, str] = {}
        self._subjects: dict[str, list[int]] = {}
        self._schemas: dict[int, dict[str, Any]] = {}
        self._user = user
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._send(*outer.answer("GET", self.path, None, self.headers.get("Authorization")))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self._send(*outer.answer("POST", self.path, body, self.headers.get("Authorization")))

            def _send(self, status: int, said: Any) -> None:
                if status == 0:
                    self.close_connection = True
                    return
                content = said if isinstance(said, bytes) else json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
                self.send_header("Content-Length", str(len(content)))
                if 300 <= status < 400:
                    self.send_header("Location", "http://elsewhere.example/")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def put(self, subject: str, schema: Any, **more: Any) -> int:
        """A schema in a subject, without a question; ``more``: schemaType, references. Returns its id."""
        with self._lock:
            return self._put(subject, {"schema": schema if isinstance(schema, str) else json.dumps(schema), **more})

    def answer(self, method: str, path: str, body: Any, authorization: str | None) -> Said:
        with self._lock:
            self.asked.append(f"{method} {path}")
            number = len(self.asked) - 1
        if (other := self.fault(number, method, path)) is not None:
            return other
        if self._user is not None:
            wanted = base64.b64encode(":".join(self._user).encode()).decode()
            if authorization != f"Basic {wanted}":
                return 401, {"error_code": 401, "message": "Unauthorized"}
        parts = [unquote(part) for part in urlsplit(path).path.strip("/").split("/")]
        with self._lock:
            return self._answer(method, parts, body)

    def _answer(self, method: str, parts: list[str], body: Any) -> Said:
        match method, *parts:
            case "GET", "schemas", "ids", number:
                found = self._schemas.get(int(number))
                return (200, found) if found else (404, {"error_code": 40403, "message": f"Schema {number} not found"})
            case "GET", "subjects":
                return 200, list(self._subjects)
            case "GET", "subjects", subject, "versions" if subject in self._subjects:
                return 200, list(range(1, len(self._subjects[subject]) + 1))
            case "GET", "subjects", subject, "versions", version if subject in self._subjects:
                ids = self._subjects[subject]
                if not 1 <= int(version) <= len(ids):
                    return 404, {"error_code": 40402, "message": f"Version {version} not found."}
                held = self._schemas[ids[int(version) - 1]]
                return 200, {"subject": subject, "version": int(version), "id": ids[int(version) - 1], **held}
            case "POST", "subjects", subject if subject in self._subjects:
                for version, held in enumerate(self._subjects[subject], 1):
                    if json.loads(self._schemas[held]["schema"]) == json.loads(body["schema"]):
                        return 200, {"subject": subject, "version": version, "id": held, **self._schemas[held]}
                return 404, {"error_code": 40403, "message": "Schema not found"}
            case "POST", "subjects", subject, "versions":
                if self.incompatible.get(subject):
                    return 409, {"error_code": 409, "message": "Schema being registered is incompatible"}
                return 200, {"id": self._put(subject, body)}
            case "POST", "compatibility", "subjects", subject, "versions", "latest" if subject in self._subjects:
                words = self.incompatible.get(subject, [])
                return 200, {"is_compatible": not words, **({"messages": words} if words else {})}
            case "GET", "config", subject:
                return 200, {"compatibilityLevel": self.levels.get(subject, "BACKWARD")}
        return 404, {"error_code": 40401, "message": "Subject not found."}

    def _put(self, subject: str, said: dict[str, Any]) -> int:
        schema_id = next((held for held, one in self._schemas.items() if one == said), len(self._schemas) + 101)
        self._schemas[schema_id] = said
        versions = self._subjects.setdefault(subject, [])
        if schema_id not in versions:
            versions.append(schema_id)
        return schema_id
