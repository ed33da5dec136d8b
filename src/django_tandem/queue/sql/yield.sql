-- name: looked_past
-- The place to which a look goes, a queue; no row: it goes to the end.
SELECT wanted.queue, job.due, job.id
FROM unnest(%(queues)s::text[], %(dues)s::timestamptz[], %(ids)s::bigint[]) AS wanted (queue, due, id)
CROSS JOIN LATERAL (
    SELECT due, id FROM tandem_job
    WHERE state = 1 AND queue = wanted.queue AND (due, id) >= (wanted.due, wanted.id)
    ORDER BY queue, due, id
    OFFSET %(look)s::integer LIMIT 1
) AS job;

-- name: claim_usual
-- Between two places of each queue, as the claim of any job: those that do not yield.
UPDATE tandem_job
SET state = 2, server = %(server)s, worker = %(worker)s, attempt = attempt + 1, claimed_at = statement_timestamp(),
    replace_key = NULL
WHERE id = ANY (ARRAY(
    SELECT job.id
    FROM unnest(
        %(queues)s::text[], %(dues)s::timestamptz[], %(ids)s::bigint[], %(ends)s::timestamptz[], %(end_ids)s::bigint[]
    ) AS wanted (queue, due, id, end_due, end_id)
    CROSS JOIN LATERAL (
        SELECT id, due FROM tandem_job
        WHERE state = 1 AND queue = wanted.queue AND (due, id) >= (wanted.due, wanted.id)
            AND (due, id) < (wanted.end_due, wanted.end_id) AND priority >= %(least)s::smallint
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
