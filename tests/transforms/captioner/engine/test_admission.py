from transforms.captioner.engine.admission import Admission, AdmissionRule


def test_a_single_request_joins_at_once_when_nobody_is_answered() -> None:
    assert Admission(AdmissionRule(least=8)).is_due(waiting=1, free=32, active=0)


def test_a_few_wait_for_more_but_not_for_ever() -> None:
    admission = Admission(AdmissionRule(least=4, patience=3))
    assert [admission.is_due(2, 2, 30) for _ in range(5)] == [False, False, False, True, False]
    assert admission.is_due(4, 4, 28)
    assert not admission.is_due(9, 3, 29)


def test_without_room_or_without_anybody_nothing_joins() -> None:
    admission = Admission(AdmissionRule())
    assert not admission.is_due(waiting=5, free=0, active=8)
    assert not admission.is_due(waiting=0, free=8, active=0)
    assert admission.is_due(waiting=1, free=1, active=7)


def test_the_rule_for_a_cpu() -> None:
    assert AdmissionRule.for_cpu(32) == AdmissionRule(least=8, most=16)
    assert AdmissionRule.for_cpu(1) == AdmissionRule(least=1, most=1)
