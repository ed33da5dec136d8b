-- name: finish
-- Outcomes of this server's jobs: each job leaves the hot table and becomes a result in one statement.
-- A job whose lease was lost (another server, another attempt, or gone) is not among the ids returned.
-- There is no join, because there is no plan for one that is good whatever the statistics say: `ids` rises, and
-- width_bucket finds the place of a job in it. `state + 0`: by the primary key and by no other index, for those hold
-- an entry for every claim since they were last vacuumed.
WITH gone AS (
    DELETE FROM tandem_job
    WHERE id = ANY (%(ids)s::bigint[]) AND state + 0 = 2 AND server = %(server)s
        AND attempt = (%(attempts)s::smallint[])[width_bucket(id, %(ids)s::bigint[])]
    RETURNING *, width_bucket(id, %(ids)s::bigint[]) AS n
)
INSERT INTO tandem_result (
    id, queue, task, arguments, backend, priority, state, attempt, worker, server, enqueued_at, run_after,
    started_at, last_attempted_at, finished_at, history, return_value, limit_key, limit_most,
    unique_key, replace_key
)
SELECT id, queue, task, arguments, backend, priority, (%(states)s::smallint[])[n], attempt, worker, server, enqueued_at,
    run_after, coalesce(started_at, statement_timestamp() - make_interval(secs => (%(began)s::float8[])[n])),
    statement_timestamp() - make_interval(secs => (%(began)s::float8[])[n]),
    statement_timestamp() - make_interval(secs => (%(ended)s::float8[])[n]),
    (%(histories)s::text[])[n], (%(returned)s::text[])[n], limit_key, limit_most, unique_key,
    kept_replace_key
FROM gone
RETURNING id;

-- name: finish_with_body
-- One job, in the transaction in which its body ran. Who would give the job to another waits until that ends.
WITH gone AS (
    DELETE FROM tandem_job
    WHERE id = %(id)s::bigint AND state = 2 AND server = %(server)s::bigint AND attempt = %(attempt)s::smallint
    RETURNING *
)
INSERT INTO tandem_result (
    id, queue, task, arguments, backend, priority, state, attempt, worker, server, enqueued_at, run_after,
    started_at, last_attempted_at, finished_at, history, return_value, limit_key, limit_most
)
SELECT id, queue, task, arguments, backend, priority, 3, attempt, worker, server, enqueued_at, run_after,
    coalesce(started_at, statement_timestamp() - make_interval(secs => %(began)s::float8)),
    statement_timestamp() - make_interval(secs => %(began)s::float8), statement_timestamp(), history, %(returned)s::text,
    limit_key, limit_most
FROM gone
RETURNING id;

-- name: retry
-- Jobs of this server that are to begin again later. They wait outside the ready index, as scheduled jobs do. `ids` rises,
-- as above.
UPDATE tandem_job
SET state = 0, server = NULL, worker = NULL, claimed_at = NULL, started_at = coalesce(started_at, claimed_at),
    due = statement_timestamp()
        + make_interval(secs => (%(waits)s::float8[])[width_bucket(id, %(ids)s::bigint[])]),
    history = (%(histories)s::text[])[width_bucket(id, %(ids)s::bigint[])]
WHERE id = ANY (%(ids)s::bigint[]) AND state + 0 = 2 AND server = %(server)s
    AND attempt = (%(attempts)s::smallint[])[width_bucket(id, %(ids)s::bigint[])]
RETURNING id;

-- name: written
-- After a broken connection: which outcomes did arrive before it broke. That of an attempt after which the job is to
-- begin again is in the job's history, whose other entries come after it.
WITH outcome AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(attempts)s::smallint[], %(histories)s::text[], %(again)s::boolean[])
        AS o (id, attempt, history, again)
)
SELECT outcome.id FROM outcome
JOIN tandem_result AS result
    ON result.id = outcome.id AND result.attempt = outcome.attempt AND result.server = %(server)s
UNION
SELECT outcome.id FROM outcome
JOIN (SELECT id, history FROM tandem_job UNION ALL SELECT id, history FROM tandem_result) AS job
    ON job.id = outcome.id AND starts_with(job.history, left(outcome.history, -1))
WHERE outcome.again;
