"""Which file is a lock file, what makes another environment, and what is told to who has none."""

import pytest

from django_tandem.errors import CannotBuild
from django_tandem.release import lockfile

HASHED = "django==5.2 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
PINNED = f"{HASHED}# a comment\npsycopg[binary]==3.2 ; python_version > '3'\n"
UV = 'version = 1\n[[package]]\nname = "office"\nsource = { editable = "." }\n'
PROJECT = '[project]\nname = "office"\nversion = "1"\n'


@pytest.fixture
def tree(tmp_path):
    """Write files of a tree; its folder."""

    def written(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return written


def digest(folder, python="3.11", tree="t"):
    return lockfile.find(folder).digest(python, tree)


def told(folder):
    with pytest.raises(CannotBuild) as caught:
        lockfile.find(folder)
    return str(caught.value)


def test_uv_lock_comes_before_the_others(tree):
    folder = tree(requirements_txt="django==5.1\n", requirements_lock=PINNED)
    assert lockfile.find(folder).name == "requirements.lock"
    assert lockfile.find(folder).has_hashes
    tree(uv_lock=UV, pyproject_toml=PROJECT)
    assert lockfile.find(folder).name == "uv.lock"


def test_none_is_told_with_both_ways_out(tree):
    said = told(tree(manage_py=""))
    assert "has none of uv.lock, requirements.lock, requirements.txt beside tandem.toml" in said
    assert "uv lock" in said
    assert '[pipeline] environment = "shared"' in said


def test_the_digest_is_of_the_lock_file_and_the_python_version_not_of_the_tree(tree):
    folder = tree(requirements_txt=PINNED)
    before = digest(folder)
    assert digest(folder, tree="other") == before
    assert digest(folder, python="3.12") != before
    tree(requirements_txt=PINNED.replace("5.2", "5.1"))
    assert digest(folder) != before


def test_what_a_file_includes_counts_and_must_be_there(tree):
    folder = tree(requirements_txt="-r base.txt\n", base_txt="django==5.2\n")
    before = digest(folder)
    tree(base_txt="django==5.1\n")
    assert digest(folder) != before
    tree(requirements_txt="-r ../base.txt\n")
    assert told(folder) == "../base.txt: no such file in the project's folder, and a lock file includes it"


@pytest.mark.parametrize(
    "line", ["django", "django>=5", "django~=5.2", "django==5.*", "django>=5,==5.2", "django<6 # ==6"]
)
def test_what_is_not_pinned_is_told_with_its_line(tree, line):
    said = told(tree(requirements_txt=f"psycopg==3.2\n\n{line}\n"))
    assert said.startswith(
        f"requirements.txt, line 3: {line.partition(' #')[0]} is not pinned, so two builds could differ"
    )
    assert "uv pip compile requirements.txt --generate-hashes" in said


@pytest.mark.parametrize(
    "line",
    ["django==5.2", "Django == 5.2", "django===5.2", "a @ https://files/a-1.whl", "psycopg[c]==3", "--index-url x"],
)
def test_what_is_pinned_is_not(tree, line):
    assert not lockfile.find(tree(requirements_txt=f"{line}\n")).is_local


@pytest.mark.parametrize("line", ["-e .", "./libs/money", "-e libs/money", "money @ file:./libs/money"])
def test_folders_of_the_tree_make_it_count(tree, line):
    folder = tree(requirements_txt=f"{line}\n")
    assert lockfile.find(folder).is_local
    assert digest(folder, tree="one") != digest(folder, tree="other")


def test_a_workspace_member_in_uv_lock_makes_the_tree_count(tree):
    folder = tree(uv_lock=UV, pyproject_toml=PROJECT)
    assert digest(folder, tree="one") == digest(folder, tree="other")
    tree(uv_lock=UV + '[[package]]\nname = "money"\nsource = { editable = "libs/money" }\n')
    assert digest(folder, tree="one") != digest(folder, tree="other")


def test_the_groups_that_uv_installs_by_default_count(tree):
    folder = tree(uv_lock=UV, pyproject_toml=PROJECT)
    before = digest(folder)
    tree(pyproject_toml=PROJECT + "[tool.black]\nline-length = 100\n")
    assert digest(folder) == before
    tree(pyproject_toml=PROJECT + "[tool.uv]\ndefault-groups = []\n")
    assert digest(folder) != before


def test_uv_lock_needs_its_project(tree):
    folder = tree(uv_lock=UV)
    assert told(folder) == "uv.lock is there without pyproject.toml: commit both"
    tree(pyproject_toml="[")
    assert told(folder).startswith("uv.lock or pyproject.toml is not TOML: ")
