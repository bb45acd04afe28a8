"""Limits that follow from a server's settings."""

from sageyard.settings import Settings


def test_what_is_packed_may_unpack_to_2_gib_or_50_times_its_size_or_to_the_limit_that_is_set() -> None:
    assert Settings().largest_unpacked(10) == 2 * 1024**3
    assert Settings().largest_unpacked(1024**3) == 50 * 1024**3
    assert Settings(unpack_limit=1000).largest_unpacked(1024**3) == 1000
