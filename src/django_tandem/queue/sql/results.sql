-- name: one
-- A job wherever it is: in one snapshot, so that it cannot be missed on its way from one table to the other.
SELECT id, queue, task, arguments, backend, priority, state, attempt, worker, server, enqueued_at, run_after,
    coalesce(started_at, claimed_at) AS started_at, claimed_at AS last_attempted_at, NULL::timestamptz AS finished_at,
    history, NULL::text AS return_value
FROM tandem_job WHERE id = %(id)s
UNION ALL
SELECT id, queue, task, arguments, backend, priority, state, attempt, worker, server, enqueued_at, run_after,
    started_at, last_attempted_at, finished_at, history, return_value
FROM tandem_result WHERE id = %(id)s
LIMIT 1;

-- name: partitions
SELECT child.relname FROM pg_inherits
JOIN pg_class AS child ON child.oid = inhrelid
WHERE inhparent = 'tandem_result'::regclass;

-- name: days_in_rest
-- Days (UTC, as the queue's connections are) on which jobs finished while they had no partition: none, as a rule.
SELECT DISTINCT finished_at::date FROM tandem_result_rest;

-- name: newest
-- Jobs wherever they are, newest first; a filter that is NULL does not filter.
SELECT * FROM (
    SELECT id, queue, task, arguments, backend, priority, state, attempt, worker, server, enqueued_at, run_after,
        coalesce(started_at, claimed_at) AS started_at, claimed_at AS last_attempted_at,
        NULL::timestamptz AS finished_at, history, NULL::text AS return_value
    FROM tandem_job
    UNION ALL
    SELECT id, queue, task, arguments, backend, priority, state, attempt, worker, server, enqueued_at, run_after,
        started_at, last_attempted_at, finished_at, history, return_value
    FROM tandem_result
) AS job
WHERE (%(state)s::smallint IS NULL OR state = %(state)s)
    AND (%(queue)s::text IS NULL OR queue = %(queue)s)
    AND (%(task)s::text IS NULL OR task = %(task)s)
ORDER BY id DESC
LIMIT %(count)s;
