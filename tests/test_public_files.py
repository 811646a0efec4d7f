"""What outsiders look for: citation, security, templates, the public workflow."""

import pathlib
import re
import subprocess
import sys

import pytest
import yaml

import end2end

ROOT = pathlib.Path(__file__).parents[1]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
# The schemas that check-jsonschema carries, and the files that follow them.
SCHEMAS = {
    "citation-file-format": [ROOT / "CITATION.cff"],
    "github-workflows": WORKFLOWS,
    "github-issue-forms": [GITHUB / "ISSUE_TEMPLATE" / name
                           for name in ("bug.yml", "idea.yml")],
    "github-issue-config": [GITHUB / "ISSUE_TEMPLATE" / "config.yml"]}


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_files_follow_their_schemas(schema):
    pytest.importorskip("check_jsonschema", reason="comes with the extra docs")
    finished = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema",
         f"vendor.{schema}", *map(str, SCHEMAS[schema])],
        capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout


def test_the_citation_names_this_version_and_the_paper():
    citation = read(ROOT / "CITATION.cff")
    assert citation["version"] == end2end.__version__
    (paper,) = citation["references"]
    assert paper["doi"] == "10.1038/s41598-019-48995-4"
    assert [author["family-names"] for author in paper["authors"]] == [
        "Shen", "Margolies", "Rothstein", "Fluder", "McBride", "Sieh"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_read_only_and_names_whole_versions(path):
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert "permissions" not in job and job["timeout-minutes"] <= 60, name
        for step in job["steps"]:
            action = step.get("uses")
            assert not action or re.fullmatch(
                r"actions/[\w-]+@(v\d+\.\d+\.\d+|[0-9a-f]{40})", action), action


def test_the_workflow_tests_every_python_and_the_targets_of_make():
    jobs = read(GITHUB / "workflows" / "checks.yml")["jobs"]
    assert jobs["tests"]["strategy"]["matrix"]["python"] == [
        "3.10", "3.11", "3.12", "3.13"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {target for job in jobs.values() for step in job["steps"]
               for target in re.findall(r"make ([a-z-]+)", step.get("run", ""))}
    assert targets == {
        "lint", "test", "coverage", "docs", "audit", "sbom", "mutants"}
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_coverage_has_a_floor():
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert int(re.search(r"^fail_under = (\d+)$", settings, re.MULTILINE)[1]) >= 93


def test_hooks_before_a_commit_call_programs_of_the_environment():
    (repository,) = read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        assert hook["entry"].startswith(".venv/bin/"), hook["id"]


def test_reports_of_weaknesses_have_a_way_and_promise_no_date():
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    for part in ("How to report", "What counts as a weakness", "What is promised"):
        assert f"## {part}" in text
    assert "image or a\ntable of a real patient" in text
