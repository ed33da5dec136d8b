-- name: register
INSERT INTO tandem_server (role, host, pid, release, config_digest, state)
VALUES (%(role)s, %(host)s, %(pid)s, %(release)s, %(config_digest)s, %(state)s)
RETURNING id;

-- name: renew
-- One row a server renews every lease that it holds.
UPDATE tandem_server SET heartbeat_at = clock_timestamp(), state = %(state)s WHERE id = %(server)s;

-- name: return_unbegun
-- Of a dead worker: what it had claimed and not begun, the attempt not counted.
WITH job AS (
    UPDATE tandem_job
    SET state = 1, server = NULL, worker = NULL, attempt = attempt - 1, claimed_at = NULL
    WHERE state = 2 AND server = %(server)s AND worker = %(worker)s AND id <> ALL (%(begun)s::bigint[])
    RETURNING queue, due, priority
), first AS (SELECT queue, min(due) AS due, max(priority) AS priority, count(*) AS jobs FROM job GROUP BY queue)
SELECT queue, jobs, pg_notify('tandem_ready', queue || ' ' || extract(epoch FROM due) || ' ' || priority) FROM first;

-- name: return_innocent
-- Of a dead worker under which a suspect ran (of those it runs one at a time): what ran beside it comes back, and the
-- attempt counts for nothing.
WITH job AS (
    UPDATE tandem_job
    SET state = 1, server = NULL, worker = NULL, claimed_at = NULL, started_at = coalesce(started_at, claimed_at),
        forgiven = forgiven + 1,
        history = CASE
            WHEN history IS NULL THEN '[' ELSE left(history, -1) || ','
        END || json_build_object(
            'worker', server || '-' || worker, 'began', claimed_at, 'ended', statement_timestamp(),
            'error', json_build_object(
                'class', 'django_tandem.errors.CutOff', 'text', %(reason)s::text || ' under another job'
            )
        ) || ']'
    WHERE state = 2 AND server = %(server)s AND worker = %(worker)s AND deaths + 1 < %(most)s
        AND EXISTS (
            SELECT FROM tandem_job WHERE state = 2 AND server = %(server)s AND worker = %(worker)s
                AND deaths + 1 >= %(most)s
        )
    RETURNING queue, due, priority
), first AS (SELECT queue, min(due) AS due, max(priority) AS priority, count(*) AS jobs FROM job GROUP BY queue)
SELECT queue, jobs, pg_notify('tandem_ready', queue || ' ' || extract(epoch FROM due) || ' ' || priority) FROM first;

-- name: return_begun
-- Begun and cut off: back with the attempt counted, and what happened added to the history.
WITH job AS (
    UPDATE tandem_job
    SET state = 1, server = NULL, worker = NULL, claimed_at = NULL, started_at = coalesce(started_at, claimed_at),
        deaths = deaths + 1,
        history = CASE
            WHEN history IS NULL THEN '[' ELSE left(history, -1) || ','
        END || json_build_object(
            'worker', server || '-' || worker, 'began', claimed_at, 'ended', statement_timestamp(),
            'error', json_build_object('class', 'django_tandem.errors.WorkerDied', 'text', %(reason)s::text)
        ) || ']'
    WHERE state = 2 AND server = %(server)s AND (%(worker)s::integer IS NULL OR worker = %(worker)s)
        AND deaths + 1 < %(most)s
    RETURNING queue, due, priority
), first AS (SELECT queue, min(due) AS due, max(priority) AS priority, count(*) AS jobs FROM job GROUP BY queue)
SELECT queue, jobs, pg_notify('tandem_ready', queue || ' ' || extract(epoch FROM due) || ' ' || priority) FROM first;

-- name: bury
-- Begun and cut off too often: failed, with the reason, so that it kills no more workers.
WITH gone AS (
    DELETE FROM tandem_job
    WHERE state = 2 AND server = %(server)s AND (%(worker)s::integer IS NULL OR worker = %(worker)s)
        AND deaths + 1 >= %(most)s
    RETURNING *
)
INSERT INTO tandem_result (
    id, queue, task, arguments, backend, priority, state, attempt, worker, server, enqueued_at, run_after,
    started_at, last_attempted_at, finished_at, history, return_value, limit_key, limit_most,
    unique_key, replace_key
)
SELECT id, queue, task, arguments, backend, priority, 4, attempt, worker, server, enqueued_at, run_after,
    coalesce(started_at, claimed_at), claimed_at, statement_timestamp(),
    CASE WHEN history IS NULL THEN '[' ELSE left(history, -1) || ',' END || json_build_object(
        'worker', server || '-' || worker, 'began', claimed_at, 'ended', statement_timestamp(),
        'error', json_build_object('class', 'django_tandem.errors.WorkerDied', 'text', %(reason)s::text)
    ) || ']', NULL, limit_key, limit_most, unique_key, kept_replace_key
FROM gone
RETURNING id;

-- name: silent
-- Servers whose heartbeat is older than the lease. SKIP LOCKED: of several rescuers one takes each.
SELECT id, role, host, pid FROM tandem_server
WHERE state <> 'stopped' AND heartbeat_at < clock_timestamp() - %(lease)s::interval
FOR UPDATE SKIP LOCKED;

-- name: ownerless
-- Servers that hold running jobs though they have stopped, or that have no row any more.
SELECT DISTINCT job.server FROM tandem_job AS job
LEFT JOIN tandem_server AS server ON server.id = job.server
WHERE job.state = 2 AND (server.id IS NULL OR server.state = 'stopped');

-- name: stop
-- `silent`: whether it is ended by others because it said nothing; NULL: that is known already.
UPDATE tandem_server SET state = 'stopped',
    silent_since = CASE WHEN %(silent)s::boolean IS NULL THEN silent_since WHEN %(silent)s::boolean THEN heartbeat_at END
WHERE id = %(server)s;
