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
    started_at, last_attempted_at, finished_at, history, return_value
)
SELECT id, queue, task, arguments, backend, priority, (%(states)s::smallint[])[n], attempt, worker, server, enqueued_at,
    run_after, coalesce(started_at, statement_timestamp() - make_interval(secs => (%(began)s::float8[])[n])),
    statement_timestamp() - make_interval(secs => (%(began)s::float8[])[n]),
    statement_timestamp() - make_interval(secs => (%(ended)s::float8[])[n]),
    (%(histories)s::text[])[n], (%(returned)s::text[])[n]
FROM gone
RETURNING id;

-- name: written
-- After a broken connection: which outcomes did arrive before it broke.
SELECT result.id FROM unnest(%(ids)s::bigint[], %(attempts)s::smallint[]) AS o (id, attempt)
JOIN tandem_result AS result
    ON result.id = o.id AND result.attempt = o.attempt AND result.server = %(server)s;
