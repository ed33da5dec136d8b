"""The hook: real repositories that are pushed to and committed in, and a FIFO that is read, full, or read by nobody."""

import os
import stat
import subprocess
from contextlib import suppress

import pytest

from django_tandem.errors import CannotBuild, Refused
from django_tandem.pipeline import hook
from django_tandem.pipeline.wake import Wake
from tests.integration.release.conftest import IDENTITY
from tests.waiting import until

# A path that does harm wherever a shell reads it.
HARM = "it's $(touch pwned) `touch pwned` \"; touch pwned; \n#"
PUSH_S = 30


def git(folder, *words):
    environment = {**os.environ, **IDENTITY}
    done = subprocess.run(
        ["git", *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=PUSH_S, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def work(tmp_path):
    """A repository with a working tree."""
    folder = tmp_path / "work"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "commit", "--quiet", "--allow-empty", "--message=one")
    return folder


@pytest.fixture
def bare(tmp_path, work):
    """A bare one, which is the origin of the other."""
    git(tmp_path, "clone", "--quiet", "--bare", str(work), "bare.git")
    git(work, "remote", "add", "origin", "../bare.git")
    return tmp_path / "bare.git"


@pytest.fixture
def wake(tmp_path):
    with Wake(tmp_path / HARM / "wake") as wake:
        yield wake


def commit(work):
    git(work, "commit", "--quiet", "--allow-empty", "--message=more")


def woken(wake):
    """Wait until somebody has written to it; what was written is read."""
    descriptor = os.open(wake.path, os.O_RDONLY | os.O_NONBLOCK)

    def read():
        with suppress(BlockingIOError):
            return os.read(descriptor, 4096)
        return b""

    try:
        return until(read)
    finally:
        os.close(descriptor)


def test_a_push_to_a_bare_repository_wakes_it_and_never_fails_or_hangs(work, bare, wake, tmp_path):
    done = hook.install(bare, wake.path)
    assert (done.path, done.is_new) == (bare / "hooks" / "post-receive", True)
    assert stat.S_IMODE(done.path.stat().st_mode) == 0o755
    commit(work)
    git(work, "push", "--quiet", "origin", "main")
    assert woken(wake) == b"."

    full = os.open(wake.path, os.O_WRONLY | os.O_NONBLOCK)
    with suppress(BlockingIOError):
        while True:
            os.write(full, b"." * 4096)
    os.close(full)
    commit(work)
    git(work, "push", "--quiet", "origin", "main")
    wake.path.unlink()
    commit(work)
    git(work, "push", "--quiet", "origin", "main")
    assert not wake.path.exists()
    assert not list(tmp_path.rglob("pwned"))


def test_whatever_moves_a_ref_of_a_normal_repository_wakes_it(work, wake):
    (work / "project").mkdir()
    done = hook.install(work / "project", wake.path)
    assert (done.path, done.is_new) == (work / ".git" / "hooks" / "reference-transaction", True)
    commit(work)
    assert woken(wake)
    git(work, "reset", "--quiet", "--hard", "HEAD~1")
    assert woken(wake)
    assert git(work, "rev-list", "--count", "HEAD").strip() == "1"


def test_it_is_there_once_and_goes_as_it_came(work, wake):
    first = hook.install(work, wake.path)
    assert hook.install(work, wake.path) == (first.path, False)
    assert hook.remove(work, wake.path) == (first.path, True)
    assert hook.remove(work, wake.path) == (first.path, False)
    assert not first.path.exists()
    assert not [path for path in first.path.parent.iterdir() if "tandem" in path.name]


def test_a_hook_of_somebody_else_stays_and_the_line_to_add_is_told(work, bare, wake):
    theirs, line = bare / "hooks" / "post-receive", hook.line_for(wake.path)
    theirs.symlink_to("/nowhere/their-hook")
    with pytest.raises(Refused, match="stays as it is"):
        hook.install(bare, wake.path)
    theirs.unlink()
    theirs.write_text("#!/bin/sh\necho theirs\n")
    theirs.chmod(0o755)
    with pytest.raises(Refused) as refused:
        hook.install(bare, wake.path)
    assert str(refused.value).endswith(f"stays as it is: add this line to it: {line}")
    assert theirs.read_text() == "#!/bin/sh\necho theirs\n"

    theirs.write_text(theirs.read_text() + line + "\n")
    assert not hook.install(bare, wake.path).is_new
    commit(work)
    git(work, "push", "--quiet", "origin", "main")
    assert woken(wake)
    with pytest.raises(Refused, match="take this line out of it"):
        hook.remove(bare, wake.path)
    theirs.chmod(0o644)
    with pytest.raises(Refused, match=r"chmod \+x"):
        hook.install(bare, wake.path)


def test_folders_of_hooks_that_others_share_and_folders_without_git_are_refused(work, wake, tmp_path):
    git(work, "config", "core.hooksPath", str(tmp_path / "shared"))
    with pytest.raises(Refused, match=r"core.hooksPath names: add this line to its post-receive or ref"):
        hook.install(work, wake.path)
    assert not (tmp_path / "shared").exists()
    with pytest.raises(CannotBuild, match="not a git repository"):
        hook.install(tmp_path, wake.path)
    with pytest.raises(CannotBuild, match="no such folder"):
        hook.install(tmp_path / "nowhere", wake.path)


def test_what_is_no_fifo_is_refused(tmp_path):
    (tmp_path / "wake").write_text("")
    with pytest.raises(Refused, match="is no FIFO: remove it"):
        Wake(tmp_path / "wake").__enter__()
