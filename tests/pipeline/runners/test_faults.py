"""What is said of a job that stops."""

from pipeline.runners.faults import job_error
from transforms.errors import BrokerUnreachable, CaptionerBroken


def test_fault_is_found_behind_what_the_runner_raised() -> None:
    try:
        try:
            raise BrokerUnreachable("no broker; look at it [while running 'Write captions']")
        except BrokerUnreachable as cause:
            raise RuntimeError("bundle failed") from cause
    except RuntimeError as error:
        found = job_error(error)
    assert isinstance(found, BrokerUnreachable)
    assert found.message == "no broker; look at it"


def test_fault_is_found_in_the_text_of_a_worker() -> None:
    text = (
        "Error received from SDK harness for instruction bundle_7: Traceback (most recent call last):\n"
        '  File "common.py", line 1\n'
        "transforms.errors.CaptionerBroken: `90%` failed alike; the job stops [while running 'Caption image']\n"
    )
    found = job_error(RuntimeError(text))
    assert isinstance(found, CaptionerBroken)
    assert found.message == "`90%` failed alike; the job stops"


def test_an_error_of_one_input_is_no_fault_of_the_job() -> None:
    assert job_error(RuntimeError("transforms.errors.ImageEmpty: nothing")) is None
    assert job_error(ValueError("other")) is None
