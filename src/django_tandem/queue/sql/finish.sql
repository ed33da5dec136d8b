-- name: finish
-- Outcomes of this server's jobs: each job leaves the hot table and becomes a result in one statement.
-- A job whose lease was lost (another server, another attempt, or gone) is not among the ids returned.
WITH outcome AS (
    SELECT * FROM unnest(
        %(ids)s::bigint[], %(attempts)s::smallint[], %(states)s::smallint[],
        %(began)s::float8[], %(ended)s::float8[], %(returned)s::text[], %(histories)s::text[]
    ) AS o (id, attempt, state, began_ago, ended_ago, return_value, history)
), gone AS (
    DELETE FROM tandem_job AS job USING outcome
    WHERE job.id = outcome.id AND job.state = 2 AND job.server = %(server)s AND job.attempt = outcome.attempt
    RETURNING job.id, job.queue, job.task, job.arguments, job.backend, job.priority, outcome.state, job.attempt,
        job.worker, job.server, job.enqueued_at, job.run_after, job.started_at,
        outcome.began_ago, outcome.ended_ago, outcome.history, outcome.return_value
)
INSERT INTO tandem_result (
    id, queue, task, arguments, backend, priority, state, attempt, worker, server, enqueued_at, run_after,
    started_at, last_attempted_at, finished_at, history, return_value
)
SELECT id, queue, task, arguments, backend, priority, state, attempt, worker, server, enqueued_at, run_after,
    coalesce(started_at, statement_timestamp() - make_interval(secs => began_ago)),
    statement_timestamp() - make_interval(secs => began_ago),
    statement_timestamp() - make_interval(secs => ended_ago), history, return_value
FROM gone
RETURNING id;

-- name: written
-- After a broken connection: which outcomes did arrive before it broke.
SELECT result.id FROM unnest(%(ids)s::bigint[], %(attempts)s::smallint[]) AS o (id, attempt)
JOIN tandem_result AS result
    ON result.id = o.id AND result.attempt = o.attempt AND result.server = %(server)s;
