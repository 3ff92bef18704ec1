"""Asks a Flink JobManager over its REST interface."""

from __future__ import annotations

import http.client
import json
import re
from typing import Any

from transforms.errors import RunnerRefused, RunnerUnreachable

_TIMEOUT_SECONDS = 20.0


class FlinkRest:
    """One JobManager's interface; a connection of its own for each call."""

    def __init__(self, address: str) -> None:
        """``address`` is ``host:port``."""
        self.address = address

    def get(self, path: str) -> Any:
        """Return the answer's JSON. Raises `RunnerUnreachable`, or `RunnerRefused` with what Flink says."""
        return self._call("GET", path)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Like `get`, with a body."""
        return self._call("POST", path, body)

    def patch(self, path: str) -> Any:
        """Like `get`, for a change."""
        return self._call("PATCH", path)

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        connection = http.client.HTTPConnection(self.address, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise RunnerUnreachable(
                f"Flink at `{self.address}` did not answer: `{type(error).__name__}: {error}`; check that it is running"
            ) from error
        finally:
            connection.close()
        answer = _parsed(content)
        if response.status >= 400 or answer is None:
            raise RunnerRefused(
                f"Flink at `{self.address}` answered `{method} {path}` with `{response.status} {_reason(answer)}`; "
                "check the job's id and its state"
            )
        return answer


def _parsed(content: bytes) -> Any:
    """None for what is no JSON, the page of a proxy for example."""
    try:
        return json.loads(content)
    except ValueError:
        return None


def _reason(answer: Any) -> str:
    """Find the line that matters; the trace of the server's exception is among them."""
    errors = answer.get("errors", []) if isinstance(answer, dict) else []
    return cause("\n".join(map(str, errors)))


def cause(stack_trace: str) -> str:
    """Find the innermost cause of a Java stack trace, in one line; of a Python worker's trace in it, its exception."""
    if said := _python_cause(stack_trace):
        return said
    lines = [line.strip() for line in stack_trace.splitlines() if line.strip()]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    exceptions = [line for line in lines if re.match(r"[\w.$]+(Exception|Error)\b", line)]
    return (causes or exceptions[:1] or lines[:1] or ["no reason given"])[-1]


def _python_cause(stack_trace: str) -> str:
    """What a Python worker raised last; empty where none did. It is the first line behind the indented ones."""
    _, trace, behind = stack_trace.rpartition("Traceback (most recent call last):\n")
    return next((line.strip() for line in behind.splitlines() if trace and line[:1].strip()), "")
