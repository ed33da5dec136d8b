"""`tandem status` on a database in which nothing has happened, and beside servers that run."""


def test_before_the_first_server(office):
    assert office.json("status") == {"servers": [], "fence": {"release": None, "epoch": 0}, "queues": []}
    told = office.tandem("status").stdout
    assert "release none yet may claim (epoch 0)" in told
    assert "no server runs: tandem up" in told
    assert "no unfinished jobs" in told


def test_without_a_database_it_says_so_in_one_line(bare_office):
    done = bare_office.tandem("status")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "tandem: DATABASES['default'] names no database: run `tandem up`, which starts one, or set TANDEM_DATABASE_URL"
    ]
