-- name: older
-- Of the newest `looked` jobs below an id: which ones fit, at most `count` of them; how many were looked at, and the last.
-- Whether a job fits is all that is kept of it: arguments and histories are long. Where only jobs in a state are asked for
-- that has an index of its own, only those are looked at.
WITH looked AS MATERIALIZED (
    SELECT id, (%(state)s::smallint IS NULL OR state = %(state)s::smallint)
        AND (%(queue)s::text IS NULL OR queue = %(queue)s::text)
        AND (%(task)s::text IS NULL OR task = %(task)s::text)
        AND (%(priority)s::smallint IS NULL OR priority >= %(priority)s::smallint)
        AND (%(text)s::text IS NULL
            OR position(lower(%(text)s::text) IN lower(left(arguments, %(characters)s))) > 0
                AND left(arguments, 7) <> 'fernet:')
        AND (%(error)s::text IS NULL OR history::json -> -1 -> 'error' ->> 'class' = %(error)s::text) AS fits
    FROM (
        SELECT * FROM (
            SELECT id, state, queue, task, priority, arguments, history FROM tandem_job
            WHERE %(unfinished)s::boolean AND id < %(beyond)s::bigint
                AND (%(state)s::smallint IS NULL OR state = %(state)s::smallint)
            ORDER BY id DESC LIMIT %(looked)s
        ) AS unfinished
        UNION ALL
        SELECT * FROM (
            SELECT id, state, queue, task, priority, arguments, history FROM tandem_result
            WHERE %(finished)s::boolean AND id < %(beyond)s::bigint AND (NOT %(failed)s::boolean OR state = 4)
            ORDER BY id DESC LIMIT %(looked)s
        ) AS finished
        ORDER BY id DESC LIMIT %(looked)s
    ) AS newest
)
SELECT ARRAY(SELECT id FROM looked WHERE fits ORDER BY id DESC LIMIT %(count)s), count(*), min(id) FROM looked;

-- name: newer
-- The same the other way: of the oldest `looked` jobs above an id.
WITH looked AS MATERIALIZED (
    SELECT id, (%(state)s::smallint IS NULL OR state = %(state)s::smallint)
        AND (%(queue)s::text IS NULL OR queue = %(queue)s::text)
        AND (%(task)s::text IS NULL OR task = %(task)s::text)
        AND (%(priority)s::smallint IS NULL OR priority >= %(priority)s::smallint)
        AND (%(text)s::text IS NULL
            OR position(lower(%(text)s::text) IN lower(left(arguments, %(characters)s))) > 0
                AND left(arguments, 7) <> 'fernet:')
        AND (%(error)s::text IS NULL OR history::json -> -1 -> 'error' ->> 'class' = %(error)s::text) AS fits
    FROM (
        SELECT * FROM (
            SELECT id, state, queue, task, priority, arguments, history FROM tandem_job
            WHERE %(unfinished)s::boolean AND id > %(beyond)s::bigint
                AND (%(state)s::smallint IS NULL OR state = %(state)s::smallint)
            ORDER BY id LIMIT %(looked)s
        ) AS unfinished
        UNION ALL
        SELECT * FROM (
            SELECT id, state, queue, task, priority, arguments, history FROM tandem_result
            WHERE %(finished)s::boolean AND id > %(beyond)s::bigint AND (NOT %(failed)s::boolean OR state = 4)
            ORDER BY id LIMIT %(looked)s
        ) AS finished
        ORDER BY id LIMIT %(looked)s
    ) AS oldest
)
SELECT ARRAY(SELECT id FROM looked WHERE fits ORDER BY id LIMIT %(count)s), count(*), max(id) FROM looked;

-- name: these
-- What a list shows of jobs, newest first. `due`: of a scheduled one, when it becomes ready. Results one by one, by the
-- index: of a day that was not analysed yet the database thinks that a list of ids is much of it, and reads it all.
SELECT id, queue, task, priority, state, attempt, enqueued_at, CASE WHEN state = 0 THEN due END AS due,
    claimed_at AS began_at, NULL::timestamptz AS finished_at, cancelled_by, left(arguments, %(characters)s) AS arguments,
    NULL::text AS error
FROM tandem_job WHERE id = ANY (%(ids)s::bigint[])
UNION ALL
SELECT result.id, queue, task, priority, state, attempt, enqueued_at, NULL, last_attempted_at, finished_at, NULL,
    left(arguments, %(characters)s),
    CASE WHEN state = 4 THEN history::json -> -1 -> 'error' ->> 'class' END
FROM unnest(%(ids)s::bigint[]) AS wanted (id)
CROSS JOIN LATERAL (SELECT * FROM tandem_result WHERE id = wanted.id LIMIT 1) AS result
ORDER BY id DESC;

-- name: running
-- What runs, that which began first first, and where. `age_s`: since this attempt began.
SELECT job.id, job.queue, job.task, job.priority, job.attempt, job.claimed_at AS began_at,
    extract(epoch FROM clock_timestamp() - job.claimed_at)::float8 AS age_s, job.cancelled_by, job.worker, job.server,
    server.role, server.host,
    coalesce(server.heartbeat_at < clock_timestamp() - %(lease)s::interval, true) AS is_silent
FROM tandem_job AS job LEFT JOIN tandem_server AS server ON server.id = job.server
WHERE job.state = 2
ORDER BY job.claimed_at, job.id LIMIT %(count)s;

-- name: failures
-- The newest `looked` failed jobs by their task and the exception with which they ended.
SELECT task, error, count(*) AS jobs, max(id) AS newest, min(finished_at) AS since, max(finished_at) AS until
FROM (
    SELECT task, id, finished_at, history::json -> -1 -> 'error' ->> 'class' AS error
    FROM (
        SELECT task, id, finished_at, history FROM tandem_result WHERE state = 4 ORDER BY id DESC LIMIT %(looked)s
    ) AS newest
) AS failed
GROUP BY task, error ORDER BY jobs DESC, newest DESC;

-- name: unfinished
-- What only an unfinished job has, and who runs it.
SELECT job.due, job.expires_at, job.cancelled_by, job.deaths, job.limit_most, server.role, server.host,
    coalesce(server.heartbeat_at < clock_timestamp() - %(lease)s::interval, true) AS is_silent,
    extract(epoch FROM clock_timestamp() - job.claimed_at)::float8 AS age_s
FROM tandem_job AS job LEFT JOIN tandem_server AS server ON server.id = job.server
WHERE job.id = %(id)s;
