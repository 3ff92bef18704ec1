import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline.local.flink_job import Checkpoints, FlinkJob, find_job
from pipeline.local.flink_rest import FlinkRest, cause
from transforms.errors import RunnerRefused, RunnerUnreachable


class Fake:
    """A JobManager that answers what a test says: a list is answered one by one, its last item again and again."""

    def __init__(self):
        self.answers: dict[str, list] = {}
        self.asked: list[tuple[str, object]] = []

    def answer(self, call: str, *answers: object) -> None:
        self.answers[call] = list(answers)

    def reply(self, call: str, body: object) -> tuple[int, bytes]:
        self.asked.append((call, body))
        queue = self.answers.get(call)
        if queue is None:
            return 404, json.dumps({"errors": ["Not found: nothing at this path"]}).encode()
        found = queue.pop(0) if len(queue) > 1 else queue[0]
        return found if isinstance(found, tuple) else (200, json.dumps(found).encode())


@pytest.fixture
def flink():
    fake = Fake()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self):
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            status, content = fake.reply(f"{self.command} {self.path}", body)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = handle_any  # noqa: N815

        def log_message(self, *_):
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        fake.rest = FlinkRest(f"127.0.0.1:{server.server_address[1]}")
        yield fake
        server.shutdown()


@pytest.fixture
def job(flink):
    flink.answer("GET /jobs/7", {"state": "RUNNING"})
    flink.answer("GET /jobs/7/exceptions", {"exceptionHistory": {"entries": []}})
    return FlinkJob(flink.rest, "7", "captions")


def overview(*jobs: tuple[str, str, str, int]) -> dict:
    keys = ("jid", "name", "state", "start-time")
    return {"jobs": [dict(zip(keys, job, strict=True)) for job in jobs]}


def test_nobody_there():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(RunnerUnreachable, match=rf"Flink at `{address}` did not answer: `.*refused`; check that"):
            FlinkRest(address).get("/jobs")


def test_a_refusal_names_its_reason(flink):
    with pytest.raises(RunnerRefused) as caught:
        flink.rest.get("/nothing")
    assert caught.value.message == (
        f"Flink at `{flink.rest.address}` answered `GET /nothing` with `404 Not found: nothing at this path`; "
        "check the job's id and its state"
    )


@pytest.mark.parametrize("content", [b"<html>", b""])
def test_what_is_no_json_is_a_refusal(flink, content):
    flink.answer("GET /jobs", (200, content))
    with pytest.raises(RunnerRefused, match="`200 no reason given`"):
        flink.rest.get("/jobs")


def test_the_state_and_the_checkpoints(flink, job):
    flink.answer(
        "GET /jobs/7/checkpoints",
        {
            "counts": {"completed": 3, "failed": 1, "restored": 1},
            "latest": {"completed": {"id": 5, "state_size": 1200}, "restored": {"id": 2}},
        },
        {
            "counts": {"completed": 0, "failed": 0, "restored": 0},
            "latest": {"completed": None, "restored": None},
        },
    )
    assert job.state() == "RUNNING"
    assert job.checkpoints() == Checkpoints(3, 1, 1, 5, 1200, 2)
    assert job.checkpoints() == Checkpoints(0, 0, 0, None, None, None)


def test_failures_are_the_innermost_causes(flink, job):
    trace = "java.lang.RuntimeException: outer\n\tat a.B\nCaused by: java.io.IOException: inner\n\tat c.D\n"
    flink.answer("GET /jobs/7/exceptions", {"exceptionHistory": {"entries": [{"stacktrace": trace}]}})
    assert job.failures() == ("java.io.IOException: inner",)


@pytest.mark.parametrize(
    ("trace", "line"),
    [
        (
            "Internal server error.\n<Exception on server side:\norg.x.NoJobException: 7\n\tat a.B",
            "org.x.NoJobException: 7",
        ),
        ("a.Exception: 1\nCaused by: b.Exception: 2\nCaused by: c.Error: 3\n\tat x", "c.Error: 3"),
        (
            "java.lang.RuntimeException: outer\n\tat a.B\n"
            "Caused by: java.lang.RuntimeException: Error received from SDK harness for instruction 22: "
            "Traceback (most recent call last):\n"
            '  File "a.py", line 7, in read\n    raise ValueError(1)\nValueError: 1\n\n'
            "During handling of the above exception, another exception occurred:\n\n"
            "Traceback (most recent call last):\n"
            '  File "b.py", line 9, in look\n    raise fault\n'
            "transforms.errors.OutputStalled: `40` uploads are owed\nlook: there\n\n\tat org.apache.beam.X(X.java:1)\n",
            "transforms.errors.OutputStalled: `40` uploads are owed",
        ),
        ("Traceback (most recent call last):\n  File", "Traceback (most recent call last):"),
        ("Not found", "Not found"),
        ("", "no reason given"),
    ],
)
def test_the_cause_of_a_stack_trace(trace, line):
    assert cause(trace) == line


def test_stop_with_savepoint_waits_for_its_place(flink, job):
    flink.answer("POST /jobs/7/stop", {"request-id": "abc"})
    flink.answer(
        "GET /jobs/7/savepoints/abc",
        {"status": {"id": "IN_PROGRESS"}, "operation": None},
        {"status": {"id": "COMPLETED"}, "operation": {"location": "file:/there/savepoint-7"}},
    )
    assert job.stop_with_savepoint(Path("/a b")) == "file:/there/savepoint-7"
    assert flink.asked[0] == ("POST /jobs/7/stop", {"targetDirectory": "file:///a%20b", "drain": False})


def test_a_failed_savepoint_says_why(flink, job):
    flink.answer("POST /jobs/7/stop", {"request-id": "abc"})
    failure = {"class": "x", "stack-trace": "a.Exception: 1\nCaused by: b.Exception: disk full\n"}
    flink.answer("GET /jobs/7/savepoints/abc", {"status": {"id": "COMPLETED"}, "operation": {"failure-cause": failure}})
    with pytest.raises(RunnerRefused) as caught:
        job.stop_with_savepoint(Path("/there"))
    assert caught.value.message == (
        "the job `captions` was not stopped with a savepoint: `b.Exception: disk full`; "
        "wait until it is RUNNING and try again"
    )


def test_cancel(flink, job):
    flink.answer("PATCH /jobs/7?mode=cancel", {})
    job.cancel()
    assert flink.asked == [("PATCH /jobs/7?mode=cancel", None)]


def test_waiting_ends_when_the_condition_holds(flink, job):
    flink.answer("GET /jobs/7", {"state": "RESTARTING"}, {"state": "RESTARTING"}, {"state": "RUNNING"})
    job.wait_for(lambda job: job.state() == "RUNNING", 5, "it runs")


def test_waiting_has_a_limit(flink, job):
    with pytest.raises(RunnerRefused) as caught:
        job.wait_for(lambda _: False, 0.05, "it has a checkpoint")
    assert caught.value.message == (
        "the job `captions` did not get there in `0.05` s: it has a checkpoint; it is `RUNNING`, its last failure is "
        f"`none`; see `http://{flink.rest.address}/#/job/7`"
    )


def test_waiting_for_a_job_that_has_ended_is_given_up_at_once(flink, job):
    flink.answer("GET /jobs/7", {"state": "FAILED"})
    with pytest.raises(RunnerRefused, match=r"`captions` has ended before it has a checkpoint; it is `FAILED`"):
        job.wait_for(lambda _: False, 60, "it has a checkpoint")
    job.wait_for(lambda job: job.state() == "FAILED", 60, "it has failed")


def test_of_jobs_with_one_name_the_one_that_runs_is_found(flink):
    flink.answer(
        "GET /jobs/overview",
        overview(
            ("1", "captions", "RUNNING", 10),
            ("2", "captions", "RUNNING", 20),
            ("3", "captions", "FAILED", 30),
            ("4", "others", "RUNNING", 40),
        ),
    )
    nobody = FlinkRest("127.0.0.1:1")
    assert find_job([nobody, flink.rest], "captions", 0) == FlinkJob(flink.rest, "2", "captions")


def test_a_job_is_found_once_it_can_be_asked(flink):
    flink.answer(
        "GET /jobs/overview",
        overview(),
        overview(("1", "captions", "INITIALIZING", 10)),
        overview(("1", "captions", "CREATED", 10)),
    )
    assert find_job([flink.rest], "captions", 5).id == "1"
    assert len(flink.asked) == 3


def test_a_job_that_does_not_come_up(flink):
    flink.answer("GET /jobs/overview", overview())
    with pytest.raises(RunnerRefused) as caught:
        find_job([flink.rest], "captions", 0)
    assert caught.value.message == ("no job `captions` came up in `0` s; check `--job_name` and the job server's log")
