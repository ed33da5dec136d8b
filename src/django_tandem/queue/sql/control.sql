-- name: cancel_waiting
-- Jobs that nobody runs end at once. One that is being claimed meanwhile is waited for, and is running then.
WITH gone AS (
    DELETE FROM tandem_job WHERE id = ANY (ARRAY(
        SELECT id FROM tandem_job
        WHERE state <> 2 AND (%(ids)s::bigint[] IS NULL OR id = ANY (%(ids)s::bigint[]))
            AND (%(queue)s::text IS NULL OR queue = %(queue)s::text)
            AND (%(task)s::text IS NULL OR task = %(task)s::text)
            AND (%(state)s::smallint IS NULL OR state = %(state)s::smallint)
            AND (%(priority)s::smallint IS NULL OR priority >= %(priority)s::smallint)
        ORDER BY id LIMIT %(count)s FOR UPDATE
    ))
    RETURNING *
)
INSERT INTO tandem_result (
    id, queue, task, arguments, backend, priority, state, attempt, worker, server, enqueued_at, run_after,
    started_at, last_attempted_at, finished_at, history, return_value, limit_key, limit_most,
    unique_key, replace_key
)
SELECT id, queue, task, arguments, backend, priority, 4, attempt, NULL, NULL, enqueued_at, run_after,
    started_at, NULL, statement_timestamp(),
    CASE WHEN history IS NULL THEN '[' ELSE left(history, -1) || ',' END || json_build_object(
        'worker', NULL, 'began', NULL, 'ended', statement_timestamp(),
        'error', json_build_object('class', 'django_tandem.errors.Cancelled', 'text', 'cancelled by ' || %(by)s::text)
    ) || ']', NULL, limit_key, limit_most, unique_key, kept_replace_key
FROM gone
RETURNING id;

-- name: cancel_running
-- Their workers are told; who misses it looks once a second.
WITH asked AS (
    UPDATE tandem_job SET cancelled_by = %(by)s::text
    WHERE state = 2 AND cancelled_by IS NULL AND (%(ids)s::bigint[] IS NULL OR id = ANY (%(ids)s::bigint[]))
        AND (%(queue)s::text IS NULL OR queue = %(queue)s::text)
        AND (%(task)s::text IS NULL OR task = %(task)s::text)
        AND (%(state)s::smallint IS NULL OR state = %(state)s::smallint)
        AND (%(priority)s::smallint IS NULL OR priority >= %(priority)s::smallint)
    RETURNING id
)
SELECT count(*), pg_notify('tandem_cancel', '') FROM asked HAVING count(*) > 0;

-- name: cancelled
-- What this worker runs, and somebody wants to end. `state + 0`: by the index of what is cancelled, for that of what runs
-- holds an entry for every claim since it was last vacuumed.
SELECT id, cancelled_by FROM tandem_job
WHERE state + 0 = 2 AND server = %(server)s AND worker = %(worker)s AND cancelled_by IS NOT NULL;

-- name: cancelled_and_waiting
-- Cancelled while they ran, and sent back before their worker heard of it.
SELECT array_agg(id), cancelled_by FROM tandem_job WHERE cancelled_by IS NOT NULL AND state <> 2 GROUP BY cancelled_by;

-- name: retry
-- Failed jobs become ready again, with what happened before kept; what had been tried is forgiven. Those whose key an
-- unfinished job has stay where they are. `after`: the id from which on they are looked for. They are deleted without a
-- join: it would read all that succeeded.
WITH failed AS (
    SELECT * FROM tandem_result
    WHERE state = 4 AND id > %(after)s::bigint AND (%(ids)s::bigint[] IS NULL OR id = ANY (%(ids)s::bigint[]))
        AND (%(queue)s::text IS NULL OR queue = %(queue)s::text)
        AND (%(task)s::text IS NULL OR task = %(task)s::text)
        AND (%(priority)s::smallint IS NULL OR priority >= %(priority)s::smallint)
        AND (%(error)s::text IS NULL OR history::json -> -1 -> 'error' ->> 'class' = %(error)s::text)
    ORDER BY id LIMIT %(count)s FOR UPDATE SKIP LOCKED
), job AS (
    INSERT INTO tandem_job (
        id, queue, task, arguments, backend, priority, state, attempt, forgiven, due, enqueued_at, run_after,
        started_at, history, limit_key, limit_most, unique_key, replace_key, kept_replace_key
    )
    SELECT id, queue, task, arguments, backend, priority, CASE WHEN limit_key IS NULL THEN 1 ELSE 5 END, attempt, attempt,
        statement_timestamp() - priority * coalesce(
            (SELECT p.patience FROM unnest(%(queues)s::text[], %(patiences)s::interval[]) AS p (queue, patience)
             WHERE p.queue = failed.queue), %(patience)s::interval),
        enqueued_at, run_after, started_at, history, limit_key, limit_most, unique_key, replace_key, replace_key
    FROM failed ORDER BY id
    ON CONFLICT DO NOTHING
    RETURNING id, queue, due, priority
), gone AS (
    DELETE FROM tandem_result
    WHERE state = 4 AND id = ANY (ARRAY(SELECT id FROM job))
        AND finished_at BETWEEN (SELECT min(finished_at) FROM failed) AND (SELECT max(finished_at) FROM failed)
), first AS (SELECT queue, min(due) AS due, max(priority) AS priority FROM job GROUP BY queue)
SELECT (SELECT count(*) FROM failed), (SELECT max(id) FROM failed), (SELECT count(*) FROM job),
    (SELECT count(pg_notify('tandem_ready', queue || ' ' || extract(epoch FROM due) || ' ' || priority)) FROM first);

-- name: count
-- How many jobs a filter means, unfinished ones and, of the finished, those that have failed; `most` of each at most.
SELECT
    (SELECT count(*) FROM (
        SELECT FROM tandem_job
        WHERE (%(ids)s::bigint[] IS NULL OR id = ANY (%(ids)s::bigint[]))
            AND (%(queue)s::text IS NULL OR queue = %(queue)s::text)
            AND (%(task)s::text IS NULL OR task = %(task)s::text)
            AND (%(state)s::smallint IS NULL OR state = %(state)s::smallint)
            AND (%(priority)s::smallint IS NULL OR priority >= %(priority)s::smallint)
            AND %(error)s::text IS NULL AND coalesce(%(state)s::smallint, 0) NOT IN (3, 4)
        LIMIT %(most)s::bigint
    ) AS unfinished),
    (SELECT count(*) FROM (
        SELECT FROM tandem_result
        WHERE state = 4 AND coalesce(%(state)s::smallint, 4) = 4
            AND (%(ids)s::bigint[] IS NULL OR id = ANY (%(ids)s::bigint[]))
            AND (%(queue)s::text IS NULL OR queue = %(queue)s::text)
            AND (%(task)s::text IS NULL OR task = %(task)s::text)
            AND (%(priority)s::smallint IS NULL OR priority >= %(priority)s::smallint)
            AND (%(error)s::text IS NULL OR history::json -> -1 -> 'error' ->> 'class' = %(error)s::text)
        LIMIT %(most)s::bigint
    ) AS failed);
