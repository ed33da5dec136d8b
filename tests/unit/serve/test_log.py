import io
import logging
import os
import re

import pytest

from django_tandem.serve.up.log import Lines, Log


@pytest.fixture
def out():
    return io.StringIO()


@pytest.fixture
def log(out):
    return Log(out, ["backoffice", "async"])


@pytest.fixture
def pipe():
    read, write = os.pipe()
    yield Lines(read), write
    os.close(read)
    os.close(write)


def test_every_line_has_time_role_and_words_under_each_other(log, out):
    log.say("starting")
    log.line("backoffice", "INFO one")
    log.line("async", "INFO two")
    lines = out.getvalue().splitlines()
    assert [line[9:] for line in lines] == ["    tandem │ starting", "backoffice │ INFO one", "     async │ INFO two"]
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in lines)


@pytest.mark.parametrize("words", ["[red]not a colour[/red] :smile:", "x" * 500, "{'a': 'b'}", "100 %s", ""])
def test_words_stay_as_they_were_said_on_one_line(log, out, words):
    log.line("async", words)
    assert out.getvalue()[9:] == f"     async │ {words}\n"


def test_colours_of_a_server_are_left_out_where_no_terminal_is(log, out):
    log.line("async", "\x1b[31mred\x1b[0m plain")
    assert out.getvalue()[9:] == "     async │ red plain\n"


def test_a_block_has_its_facts_under_each_other(log, out):
    log.block("ready", [("backoffice", "http://127.0.0.1:8000/"), ("stop", "Ctrl-C")])
    assert [line[22:] for line in out.getvalue().splitlines()] == [
        "",
        "ready",
        "  backoffice  http://127.0.0.1:8000/",
        "  stop        Ctrl-C",
        "",
    ]


def test_what_a_logger_says_becomes_lines_of_its_own_process(log, out):
    logger = logging.getLogger("tests.log")
    log.receive(logger)
    logger.info("%s of %s", 1, 2)
    logger.error("no")
    logger.debug("not said")
    assert [line[22:] for line in out.getvalue().splitlines()] == ["INFO 1 of 2", "ERROR no"]


def test_a_log_that_nobody_reads_any_more_harms_nobody():
    read, write = os.pipe()
    os.close(read)
    # Unbuffered below the text, so that nothing is left for the end to write.
    with os.fdopen(write, "wb", buffering=0) as raw:
        out = io.TextIOWrapper(raw, write_through=True)
        log = Log(out, ["async"])
        log.say("one")
        log.line("async", "two")
        log.block("three", [("four", "five")])
        out.detach()


def test_lines_are_cut_where_they_end(pipe):
    lines, write = pipe
    assert lines.read() == []
    os.write(write, b"one\ntwo\r\nthr")
    assert lines.read() == ["one", "two"]
    os.write(write, b"ee\n\n")
    assert lines.read() == ["three", ""]
    assert lines.read() == []


def test_bytes_that_are_no_text_do_not_end_the_log(pipe):
    lines, write = pipe
    os.write(write, b"caf\xe9 \xc3\xa9\n")
    assert lines.read() == ["caf� é"]


def test_a_letter_that_arrives_in_two_pieces_is_whole(pipe):
    lines, write = pipe
    os.write(write, b"\xc3")
    assert lines.read() == []
    os.write(write, b"\xa9\n")
    assert lines.read() == ["é"]
