-- name: claim
-- The earliest due of a queue, if the fence still stands where this server last saw it.
-- In a range of (due, id): it keeps the scan off row versions that a long transaction holds back.
UPDATE tandem_job
SET state = 2, server = %(server)s, worker = %(worker)s, attempt = attempt + 1, claimed_at = statement_timestamp(),
    replace_key = NULL
WHERE id = ANY (ARRAY(
    SELECT id FROM tandem_job
    WHERE state = 1 AND queue = %(queue)s
        AND (due, id) >= (%(due)s, %(id)s) AND (due, id) < (%(until_due)s, %(until_id)s)
        AND (SELECT epoch FROM tandem_fence) = %(epoch)s
        AND NOT EXISTS (SELECT FROM tandem_pause WHERE kind = 'queue' AND name = %(queue)s)
    ORDER BY queue, due, id
    LIMIT %(count)s
    FOR UPDATE SKIP LOCKED
))
RETURNING id, task, arguments, attempt, due, queue, priority, backend, enqueued_at, run_after, started_at, claimed_at, history,
    expires_at, forgiven, limit_key, deaths, trace;

-- name: claim_in_ranges
-- The same of several queues, or in several ranges of one. The statement above takes two thirds of this one's time: a
-- worker that was idle is as much later with a job.
UPDATE tandem_job
SET state = 2, server = %(server)s, worker = %(worker)s, attempt = attempt + 1, claimed_at = statement_timestamp(),
    replace_key = NULL
WHERE id = ANY (ARRAY(
    SELECT job.id
    FROM unnest(
        %(queues)s::text[], %(dues)s::timestamptz[], %(ids)s::bigint[], %(until_dues)s::timestamptz[],
        %(until_ids)s::bigint[]
    ) AS wanted (queue, due, id, until_due, until_id)
    CROSS JOIN LATERAL (
        SELECT id, due FROM tandem_job
        WHERE state = 1 AND queue = wanted.queue
            AND (due, id) >= (wanted.due, wanted.id) AND (due, id) < (wanted.until_due, wanted.until_id)
        ORDER BY queue, due, id
        LIMIT %(count)s
        FOR UPDATE SKIP LOCKED
    ) AS job
    WHERE (SELECT epoch FROM tandem_fence) = %(epoch)s
        AND wanted.queue <> ALL (ARRAY(SELECT name FROM tandem_pause WHERE kind = 'queue'))
    ORDER BY job.due, job.id
    LIMIT %(count)s
))
RETURNING id, task, arguments, attempt, due, queue, priority, backend, enqueued_at, run_after, started_at, claimed_at, history,
    expires_at, forgiven, limit_key, deaths, trace;

-- name: claim_at_least
-- In ranges, of jobs of at least a priority, which is above 0: level by level, so that no backlog below it is walked over.
UPDATE tandem_job
SET state = 2, server = %(server)s, worker = %(worker)s, attempt = attempt + 1, claimed_at = statement_timestamp(),
    replace_key = NULL
WHERE id = ANY (ARRAY(
    SELECT job.id
    FROM unnest(
        %(queues)s::text[], %(dues)s::timestamptz[], %(ids)s::bigint[], %(until_dues)s::timestamptz[],
        %(until_ids)s::bigint[]
    ) AS wanted (queue, due, id, until_due, until_id)
    CROSS JOIN generate_series(%(least)s::integer, 100) AS level
    CROSS JOIN LATERAL (
        SELECT id, due FROM tandem_job
        WHERE state + 0 = 1 AND priority > 0 AND queue = wanted.queue AND priority = level::smallint
            AND (due, id) >= (wanted.due, wanted.id) AND (due, id) < (wanted.until_due, wanted.until_id)
        ORDER BY queue, priority, due, id
        LIMIT %(count)s
        FOR UPDATE SKIP LOCKED
    ) AS job
    WHERE (SELECT epoch FROM tandem_fence) = %(epoch)s
        AND wanted.queue <> ALL (ARRAY(SELECT name FROM tandem_pause WHERE kind = 'queue'))
    ORDER BY job.due, job.id
    LIMIT %(count)s
))
RETURNING id, task, arguments, attempt, due, queue, priority, backend, enqueued_at, run_after, started_at, claimed_at, history,
    expires_at, forgiven, limit_key, deaths, trace;

-- name: release
-- Claimed but not begun: back as it was, the attempt not counted.
WITH job AS (
    UPDATE tandem_job
    SET state = 1, server = NULL, worker = NULL, attempt = attempt - 1, claimed_at = NULL
    WHERE id = ANY (%(ids)s::bigint[]) AND state + 0 = 2 AND server = %(server)s AND worker = %(worker)s
    RETURNING queue, due, priority
), first AS (SELECT queue, min(due) AS due, max(priority) AS priority, count(*) AS jobs FROM job GROUP BY queue)
SELECT queue, jobs, pg_notify('tandem_ready', queue || ' ' || extract(epoch FROM due) || ' ' || priority) FROM first;

-- name: postpone
-- Cannot run here (its task does not import): scheduled for later, for a server that knows it; the attempt not counted.
UPDATE tandem_job
SET state = 0, server = NULL, worker = NULL, attempt = attempt - 1, claimed_at = NULL,
    due = statement_timestamp() + %(delay)s::interval
WHERE id = %(id)s AND state + 0 = 2 AND server = %(server)s AND attempt = %(attempt)s;

-- name: strays
-- After a broken connection: what this worker owns by the table and does not have in hand goes back.
WITH job AS (
    UPDATE tandem_job
    SET state = 1, server = NULL, worker = NULL, attempt = attempt - 1, claimed_at = NULL
    WHERE state = 2 AND server = %(server)s AND worker = %(worker)s AND id <> ALL (%(ids)s::bigint[])
    RETURNING queue, due, priority
), first AS (SELECT queue, min(due) AS due, max(priority) AS priority, count(*) AS jobs FROM job GROUP BY queue)
SELECT queue, jobs, pg_notify('tandem_ready', queue || ' ' || extract(epoch FROM due) || ' ' || priority) FROM first;
