"""The tar of a release: the same from whatever was given, and nothing in it leads outside."""

import io
import tarfile

import pytest

from django_tandem.errors import CannotBuild, Tampered
from django_tandem.release import tree


def member(name, content=b"", **changes):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in changes.items():
        setattr(info, key, value)
    return info, content


def link(name, target, kind=tarfile.SYMTYPE):
    return member(name, type=kind, linkname=target)


@pytest.fixture
def tar(tmp_path):
    """Write a tar; its path."""

    def written(*members, name="archive.tar"):
        path = tmp_path / name
        with tarfile.open(path, "w") as file:
            for info, content in members:
                file.addfile(info, io.BytesIO(content))
        return path

    return written


FILES = [
    member("b/program", b"#!", mode=0o775, uid=7, uname="me", mtime=1),
    member("a.txt", b"text", mode=0o600, gid=7, mtime=2),
    link("b/latest", "../a.txt"),
]


def test_order_owners_times_and_masks_do_not_matter(tar, tmp_path):
    turned = [member(i.name, c, mode=i.mode | 0o007, type=i.type, linkname=i.linkname) for i, c in reversed(FILES)]
    one, other = tar(*FILES), tar(*turned, name="other.tar")
    first = tree.pack(one, tmp_path, [], 1000, tmp_path / "one")
    assert tree.pack(other, tmp_path, [], 1000, tmp_path / "other") == first
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    with tarfile.open(tmp_path / "one") as packed:
        found = [(i.name, i.mode, i.mtime, i.uid, i.gid, i.uname, i.gname) for i in packed]
    assert found == [
        ("a.txt", 0o644, 1000, 0, 0, "", ""),
        ("b/latest", 0o777, 1000, 0, 0, "", ""),
        ("b/program", 0o755, 1000, 0, 0, "", ""),
    ]


def test_the_digest_is_of_path_kind_and_content_not_of_the_time(tar, tmp_path):
    def digest(*members, when=1):
        return tree.pack(tar(*members), tmp_path, [], when, tmp_path / "packed")

    first = digest(*FILES)
    assert digest(*FILES, when=2) == first
    others = [
        digest(member("b/program", b"#!", mode=0o644), *FILES[1:]),
        digest(*FILES[:2], link("b/latest", "program")),
        digest(FILES[0], member("a.txt", b"Text"), FILES[2]),
        digest(FILES[0], member("b.txt", b"text"), link("b/latest", "../a.txt")),
        digest(*FILES[:2]),
    ]
    assert len({first, *others}) == 6


def test_what_was_made_in_the_build_is_packed_and_stands_for_what_was_committed(tar, tmp_path):
    made = tmp_path / "tree" / "static" / "site.css"
    made.parent.mkdir(parents=True)
    made.write_bytes(b"new")
    archive = tar(*FILES, member("static/site.css", b"old"))
    digest = tree.pack(archive, tmp_path / "tree", [made], 1, tmp_path / "packed")
    assert tree.unpack(tmp_path / "packed", tmp_path / "out") == digest
    assert (tmp_path / "out" / "static" / "site.css").read_bytes() == b"new"
    assert (tmp_path / "out" / "b" / "latest").read_bytes() == b"text"
    assert (tmp_path / "out" / "b" / "program").stat().st_mode & 0o777 == 0o755
    assert tree.changed(tmp_path / "packed", tmp_path / "out") == []


@pytest.mark.parametrize("how", ["other content", "longer", "gone", "a link", "link elsewhere"])
def test_what_was_changed_after_it_was_unpacked_is_seen(tar, tmp_path, how):
    tree.pack(tar(*FILES), tmp_path, [], 1, tmp_path / "packed")
    tree.unpack(tmp_path / "packed", tmp_path / "out")
    path, latest = tmp_path / "out" / "a.txt", tmp_path / "out" / "b" / "latest"
    if how == "link elsewhere":
        latest.unlink()
        latest.symlink_to("program")
        assert tree.changed(tmp_path / "packed", tmp_path / "out") == ["b/latest"]
        return
    path.unlink()
    if how == "a link":
        path.symlink_to("b/program")
    elif how != "gone":
        path.write_bytes(b"tExt" if how == "other content" else b"text and more")
    assert tree.changed(tmp_path / "packed", tmp_path / "out") == ["a.txt"]


@pytest.mark.parametrize(
    "members",
    [
        [member("../evil", b"x")],
        [member("/evil", b"x")],
        [member("a/../../evil", b"x")],
        [link("out", "..")],
        [link("out", "/etc")],
        [link("a/out", "../../x")],
        [link("here", "."), member("here/evil", b"x")],
        [member("a", b"x"), member("a", b"y")],
        [link("hard", "a", tarfile.LNKTYPE)],
        [member("fifo", type=tarfile.FIFOTYPE)],
    ],
)
def test_what_leads_outside_or_is_no_file_is_refused_and_nothing_is_written_there(tar, tmp_path, members):
    path, out = tar(*members), tmp_path / "in" / "out"
    out.mkdir(parents=True)
    with pytest.raises(Tampered):
        tree.unpack(path, out)
    with pytest.raises(CannotBuild):
        tree.spread(path, tmp_path / "in" / "other")
    assert not list(tmp_path.rglob("evil"))


def test_a_tar_that_is_cut_off_is_refused(tar, tmp_path):
    path = tar(member("a", b"x" * 10_000))
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(Tampered):
        tree.unpack(path, tmp_path / "out")
