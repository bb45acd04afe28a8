"""What tags a resource may have."""

from collections.abc import Iterable, Mapping, Sequence

from sageyard.errors import ValidationError

MAX_TAGS = 50
"""Of one resource (AddTags, API reference)."""


def check_tags(arn: str, present: Iterable[tuple[str, str]], added: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The tags to set; raises ValidationError for reserved and repeated keys, and where there would be too many."""
    keys = [tag["Key"] for tag in added]
    if reserved := [key for key in keys if key.lower().startswith("aws:")]:
        raise ValidationError(f"Tag key {reserved[0]!r} starts with 'aws:', which is reserved: choose another key.")
    if repeated := [key for key in keys if keys.count(key) > 1]:
        raise ValidationError(f"Tag key {repeated[0]!r} is given more than once: give each key one value.")
    if len(dict(present).keys() | set(keys)) > MAX_TAGS:
        raise ValidationError(f"{arn} would have more than {MAX_TAGS} tags: remove some first with DeleteTags.")
    return {tag["Key"]: tag["Value"] for tag in added}
