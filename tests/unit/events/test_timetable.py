"""When EventBridge's rules and schedules fire."""

from datetime import UTC, datetime

import pytest
from sageyard.cloud import EventTimer
from sageyard.events.timetable import first_time, next_time


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def rule(expression: str) -> EventTimer:
    return EventTimer("arn:rule", "us-east-1", expression, ())


def schedule(expression: str, **members: object) -> EventTimer:
    return EventTimer("arn:schedule", "us-east-1", expression, (), **({"created": NOW} | members))  # type: ignore[arg-type]


NOW = at("2026-11-21T08:10:30")  # a Saturday


@pytest.mark.parametrize(
    ("expression", "first", "second"),
    [
        ("rate(5 minutes)", "2026-11-21T08:15:30", "2026-11-21T08:20:30"),
        ("rate(1 hour)", "2026-11-21T09:10:30", "2026-11-21T10:10:30"),
        ("cron(0 10 * * ? *)", "2026-11-21T10:00:00", "2026-11-22T10:00:00"),
        ("cron(15 12 ? * 2-6 *)", "2026-11-23T12:15:00", "2026-11-24T12:15:00"),  # Monday to Friday
        ("cron(0 9 ? * SUN *)", "2026-11-22T09:00:00", "2026-11-29T09:00:00"),
        ("cron(0 9 ? * 1 *)", "2026-11-22T09:00:00", "2026-11-29T09:00:00"),
        ("cron(0 9 ? * 2#1 *)", "2026-12-07T09:00:00", "2027-01-04T09:00:00"),  # the first Monday
        ("cron(0 9 L * ? *)", "2026-11-30T09:00:00", "2026-12-31T09:00:00"),
        ("cron(0/10 8-9 * * ? 2026)", "2026-11-21T08:20:00", "2026-11-21T08:30:00"),
        ("cron(0 0 1 1 ? 2028,2030)", "2028-01-01T00:00:00", "2030-01-01T00:00:00"),
    ],
)
def test_a_rule_fires_when_its_expression_says(expression: str, first: str, second: str) -> None:
    timer = rule(expression)
    due = first_time(timer, NOW)
    assert due == at(first)
    assert next_time(timer, due, due) == at(second)


def test_a_schedules_rate_begins_at_its_start_and_keeps_its_grid() -> None:
    assert first_time(schedule("rate(1 day)"), NOW + 5) == NOW
    begins = NOW + 3600
    timer = schedule("rate(1 hour)", begins=begins, ends=begins + 7200)
    assert first_time(timer, NOW) == begins
    assert next_time(timer, begins, begins + 1) == begins + 3600
    assert next_time(timer, begins, begins + 3700) == begins + 7200  # one was missed
    assert next_time(timer, begins + 7200, begins + 7200) is None


def test_a_one_time_schedule_fires_once_in_its_time_zone() -> None:
    timer = schedule("at(2026-11-22T09:00:00)", timezone="Europe/Berlin")
    assert first_time(timer, NOW) == at("2026-11-22T08:00:00")
    assert next_time(timer, at("2026-11-22T08:00:00"), NOW) is None


def test_cron_follows_daylight_saving_of_its_time_zone() -> None:
    timer = schedule("cron(0 9 * * ? *)", timezone="America/New_York")
    assert first_time(timer, at("2026-03-07T12:00:00")) == at("2026-03-07T14:00:00")
    assert first_time(timer, at("2026-03-08T12:00:00")) == at("2026-03-08T13:00:00")


def test_a_year_that_is_over_never_comes() -> None:
    assert first_time(rule("cron(0 9 * * ? 2025)"), NOW) is None


@pytest.mark.parametrize(
    ("timer", "part"),
    [
        (rule("cron(0 9 * * *)"), "six fields"),
        (rule("every day"), "is no schedule"),
        (rule("cron(99 9 * * ? *)"), "is no cron expression"),
        (schedule("cron(0 9 * * ? *)", timezone="Mars/Base"), "is no time zone"),
    ],
)
def test_a_bad_expression_is_named(timer: EventTimer, part: str) -> None:
    with pytest.raises(ValueError, match=part):
        first_time(timer, NOW)
