"""AWS's cron forms and offsets, by value."""

import pytest
from sageyard.monitoring.timetable import CAUGHT_UP, crontab, daily, due_times, next_time, previous_time
from sageyard.monitoring.window import Window, analysis_window, last_hour, offset

from .server import at

HOURLY = "cron(0 * ? * * *)"


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        (HOURLY, "2026-11-21 08:20", "2026-11-21 09:00"),
        (HOURLY, "2026-11-21 09:00", "2026-11-21 10:00"),
        ("cron(0 00 ? * * *)", "2026-11-21 08:20", "2026-11-22 00:00"),
        ("cron(0 12 ? * * *)", "2026-11-21 08:20", "2026-11-21 12:00"),
        ("cron(0 17/2 ? * * *)", "2026-11-21 18:00", "2026-11-21 19:00"),
        ("cron(0 0/10 ? * * *)", "2026-11-21 20:30", "2026-11-22 00:00"),
        ("cron(0 5/24 ? * * *)", "2026-11-21 05:00", "2026-11-22 05:00"),
    ],
)
def test_each_form_fires_at_its_next_time(expression: str, after: str, expected: str) -> None:
    assert next_time(expression, at(after)) == at(expected)


@pytest.mark.parametrize(
    "expression",
    ["cron(5 * ? * * *)", "cron(0 24 ? * * *)", "cron(0 1/25 ? * * *)", "cron(0 1/0 ? * * *)", "cron(0 * * * ? *)",
     "cron(0 */2 ? * * *)", "rate(1 hour)", "0 * * * *", "now"],
)  # fmt: skip
def test_what_aws_does_not_take_is_refused_with_the_forms_it_takes(expression: str) -> None:
    with pytest.raises(ValueError, match=r"is not supported: use 'cron\(0 \* \? \* \* \*\)'") as caught:
        crontab(expression)
    assert repr(expression) in str(caught.value)


def test_due_times_include_the_first_and_the_present_one() -> None:
    found = due_times(HOURLY, at("2026-11-21 09:00"), at("2026-11-21 11:00"))
    assert found == [at("2026-11-21 09:00"), at("2026-11-21 10:00"), at("2026-11-21 11:00")]
    assert due_times(HOURLY, at("2026-11-21 09:00"), at("2026-11-21 09:59") + 59.9) == [at("2026-11-21 09:00")]


def test_of_a_year_missed_only_the_last_day_is_made_up_for() -> None:
    found = due_times(HOURLY, at("2025-11-21 09:00"), at("2026-11-21 09:30"))
    assert len(found) == CAUGHT_UP == 24
    assert (found[0], found[-1]) == (at("2026-11-20 10:00"), at("2026-11-21 09:00"))


def test_a_schedule_without_expression_is_daily_at_the_first_full_hour() -> None:
    assert daily(at("2026-11-21 08:20")) == "cron(0 9 ? * * *)"
    assert daily(at("2026-11-21 23:20")) == "cron(0 0 ? * * *)"


def test_the_previous_time_lies_before_even_a_full_hour() -> None:
    assert previous_time("cron(0 0/6 ? * * *)", at("2026-11-21 06:00")) == at("2026-11-21 00:00")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("-PT5H", -18000), ("-P1D", -86400), ("-P1DT2H30M", -95400), ("-PT0H", 0), ("PT0H", 0), ("-P1W", -604800)],
)
def test_offsets_are_read_in_seconds(text: str, seconds: int) -> None:
    assert offset(text) == seconds


@pytest.mark.parametrize("text", ["P", "-PT", "-5H", "-P1M", "PT1H", "+PT1H", "-P1DT"])
def test_what_is_no_offset_into_the_past_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write it (like '-PT5H' or '-P1D'|with a minus)"):
        offset(text)


def test_an_hourly_execution_analyses_the_hour_before() -> None:
    window = analysis_window({}, {}, HOURLY, at("2026-11-21 23:00"))
    assert window == Window(int(at("2026-11-21 22:00")), int(at("2026-11-21 23:00")))
    assert window.hours == ["2026/11/21/22"]


def test_other_schedules_analyse_what_was_captured_since_the_time_before() -> None:
    assert len(analysis_window({}, {}, "cron(0 0 ? * * *)", at("2026-11-21 00:00")).hours) == 24
    assert analysis_window({}, {}, "cron(0 0/10 ? * * *)", at("2026-11-21 00:00")).hours[0] == "2026/11/20/20"


def test_offsets_of_the_input_move_the_window() -> None:
    data = {"StartTimeOffset": "-P8D", "EndTimeOffset": "-P7D"}
    window = analysis_window({}, data, HOURLY, at("2026-11-21 10:00"))
    assert window == Window(int(at("2026-11-13 10:00")), int(at("2026-11-14 10:00")))


def test_offsets_of_the_schedule_go_before_those_of_the_input() -> None:
    timing = {"DataAnalysisStartTime": "-PT3H", "DataAnalysisEndTime": "-PT1H"}
    window = analysis_window(timing, {"StartTimeOffset": "-P8D"}, "NOW", at("2026-11-21 10:21") + 14.5)
    assert str(window) == "2026-11-21T07:21:15Z to 2026-11-21T09:21:15Z"
    assert window.hours == ["2026/11/21/07", "2026/11/21/08", "2026/11/21/09"]


@pytest.mark.parametrize(
    ("timing", "reason"),
    [
        ({}, "'NOW' needs the window"),
        ({"DataAnalysisStartTime": "-PT1H"}, "'NOW' needs the window"),
        ({"DataAnalysisStartTime": "-PT1H", "DataAnalysisEndTime": "-PT2H"}, "from -PT1H to -PT2H is empty"),
        ({"DataAnalysisStartTime": "-PT25H", "DataAnalysisEndTime": "-PT0H"}, "more than 24 hours apart"),
    ],
)
def test_a_window_that_aws_refuses_is_refused(timing: dict[str, str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        analysis_window(timing, {}, "NOW", at("2026-11-21 10:21"))


def test_the_last_hour_holds_the_present_second_and_reads_the_current_hour() -> None:
    window = last_hour(at("2026-11-21 10:21") + 0.7)
    assert str(window) == "2026-11-21T09:21:01Z to 2026-11-21T10:21:01Z"
    assert window.hours == ["2026/11/21/09", "2026/11/21/10"]
