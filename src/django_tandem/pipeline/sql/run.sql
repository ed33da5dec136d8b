-- name: one_at_a_time
-- Beginnings and decisions of the gate come one after the other, so that each sees all that came before it. Whoever is
-- frozen in the middle is cut off, and holds up nobody for longer.
SELECT set_config('idle_in_transaction_session_timeout', '15s', true), pg_advisory_xact_lock(%(number)s);

-- name: open_of
SELECT id FROM tandem_run WHERE commit = %(commit)s AND kind = %(kind)s AND ended_at IS NULL;

-- name: of_commit
-- The newest that began it, ended or not.
SELECT id FROM tandem_run WHERE commit = %(commit)s AND kind = 'ship' ORDER BY id DESC LIMIT 1;

-- name: open
SELECT id FROM tandem_run WHERE ended_at IS NULL ORDER BY id;

-- name: begin
INSERT INTO tandem_run (kind, commit, ref, policy, state, digest, begun_by, begun_via)
VALUES (%(kind)s, %(commit)s, %(ref)s, %(policy)s, %(state)s, %(digest)s, %(by)s, %(via)s)
RETURNING id;

-- name: supersede
-- Runs that wait, and their gates with them. A rollback is not superseded by a commit.
WITH gone AS (
    UPDATE tandem_run
    SET state = %(superseded)s, ended_at = clock_timestamp(), superseded_by = %(by)s,
        reason = 'superseded by run ' || %(by)s::bigint
    WHERE id < %(by)s AND ended_at IS NULL AND state = ANY (%(waiting)s) AND kind = 'ship'
    RETURNING id
), gate AS (
    UPDATE tandem_approval SET decision = 'superseded', decided_at = clock_timestamp()
    WHERE decision IS NULL AND run IN (SELECT id FROM gone)
)
SELECT id FROM gone ORDER BY id;

-- name: newer
-- The newest run that waits and lets no older one wait.
SELECT max(id) FROM tandem_run
WHERE id > %(run)s AND ended_at IS NULL AND state = %(waiting)s AND policy = 'supersede';

-- name: read
SELECT id, kind, commit, ref, policy, state, digest, begun_by, begun_via, begun_at, ended_at, reason, superseded_by,
    extract(epoch FROM coalesce(ended_at, clock_timestamp()) - begun_at)::float8 AS seconds
FROM tandem_run WHERE id = %(run)s;

-- name: newest
SELECT id, kind, commit, ref, policy, state, digest, begun_by, begun_via, begun_at, ended_at, reason, superseded_by,
    extract(epoch FROM coalesce(ended_at, clock_timestamp()) - begun_at)::float8 AS seconds
FROM tandem_run WHERE id < %(before)s AND (ended_at IS NULL OR NOT %(open)s) ORDER BY id DESC LIMIT %(count)s;

-- name: move
-- By the driver: the state that the run leaves is named, and the lock's epoch compared.
WITH held AS (
    SELECT FROM tandem_lock WHERE name = %(lock)s AND owner = %(owner)s AND epoch = %(epoch)s FOR SHARE
)
UPDATE tandem_run
SET state = %(to)s, reason = %(reason)s, ended_at = CASE WHEN %(ends)s THEN clock_timestamp() END
FROM held WHERE id = %(run)s AND state = ANY (%(leaves)s);

-- name: cancel
-- By a person. The caller has seen that no migration began, and holds the row.
UPDATE tandem_run SET state = %(to)s, reason = %(reason)s, ended_at = clock_timestamp()
WHERE id = %(run)s AND ended_at IS NULL;

-- name: hold
-- So that no step begins in the meantime.
SELECT FROM tandem_run WHERE id = %(run)s FOR UPDATE;

-- name: built
-- By the driver: what its run built. The same commit, built again, is the same release.
WITH held AS (
    SELECT FROM tandem_lock WHERE name = %(lock)s AND owner = %(owner)s AND epoch = %(epoch)s FOR SHARE
), release AS (
    INSERT INTO tandem_release (digest, release, commit, manifest)
    SELECT %(digest)s, left(run.commit, 12), run.commit, %(manifest)s FROM held, tandem_run AS run WHERE run.id = %(run)s
    ON CONFLICT (digest) DO UPDATE SET removed_at = NULL
    RETURNING digest
)
UPDATE tandem_run AS run SET digest = release.digest FROM release WHERE run.id = %(run)s AND run.ended_at IS NULL;
