"""Rules of the house that a machine keeps."""

import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent.parent
MODULES = [path for part in ("platform", "containers", "tests") for path in (REPOSITORY / part).rglob("*.py")]
LONGEST = 600


def test_platform_has_no_init_for_it_would_shadow_the_standard_library() -> None:
    assert not (REPOSITORY / "platform" / "__init__.py").exists()
    code = "import platform; assert platform.python_version()"
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True)


def test_no_module_is_longer_than_the_budget() -> None:
    lengths = {str(path): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST} == {}


def test_no_module_has_a_name_that_says_nothing() -> None:
    empty = {"utils", "helpers", "common", "manager", "misc", "core", "util", "helper"}
    assert [path for path in MODULES if path.stem in empty] == []


def test_containers_know_only_the_container_contract() -> None:
    importing = re.compile(r"^\s*(from|import) sageyard\b", re.MULTILINE)
    offenders = [
        path for path in (REPOSITORY / "containers").rglob("*.py") if importing.search(path.read_text("utf-8"))
    ]
    assert offenders == []


def test_sql_is_written_in_the_packages_that_store() -> None:
    statement = re.compile(r"\b(SELECT .* FROM|INSERT INTO|UPDATE \w+ SET|DELETE FROM)\b")
    offenders = [
        path
        for path in (REPOSITORY / "platform" / "sageyard").rglob("*.py")
        if statement.search(path.read_text("utf-8")) and not {"store", "aws", "demo", "featurestore"} & set(path.parts)
    ]
    assert offenders == []


def test_every_package_and_public_module_says_what_it_is_for() -> None:
    silent = [
        path
        for path in (REPOSITORY / "platform" / "sageyard").rglob("*.py")
        if not path.read_text("utf-8").lstrip().startswith(('"""', 'r"""'))
    ]
    assert silent == []


def test_the_architecture_page_is_short_enough_to_be_read() -> None:
    page = (REPOSITORY / "platform" / "docs" / "ARCHITECTURE.md").read_text("utf-8")
    assert len(page.splitlines()) < 200


def test_every_invariant_names_a_test_that_exists() -> None:
    page = (REPOSITORY / "platform" / "docs" / "INVARIANTS.md").read_text("utf-8")
    rules = [line for line in page.splitlines() if line.startswith("- ")]
    assert rules
    for rule in rules:
        match = re.search(r"Enforced by: `([^`]+)`(?:, `([^`]+)`)*", rule)
        assert match, rule
        for name in re.findall(r"`((?:tests|containers)/[^`]+)`", rule[match.start() :]):
            file, _, test = name.partition("::")
            assert (REPOSITORY / file).exists(), name
            assert not test or f"def {test}(" in (REPOSITORY / file).read_text("utf-8"), name


def test_the_tree_names_no_path_of_a_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    path = re.compile(r"(^|[^A-Za-z0-9_.])/(work|root|home/\w+)/")
    offenders = [
        name
        for name in listed
        if name.endswith((".py", ".md", ".toml", ".sh", ".ipynb"))
        and name != "tests/architecture/test_house_rules.py"
        and path.search((REPOSITORY / name).read_text("utf-8"))
    ]
    assert offenders == []
