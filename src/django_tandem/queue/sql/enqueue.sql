-- name: enqueue
-- One job that is ready now; the workers of its queue are told at commit.
INSERT INTO tandem_job (queue, task, arguments, backend, priority, state, due, enqueued_at)
VALUES (
    %(queue)s, %(task)s, %(arguments)s, %(backend)s, %(priority)s::smallint, 1,
    statement_timestamp() - %(head_start)s::interval, statement_timestamp()
)
RETURNING id, extract(epoch FROM enqueued_at)::float8,
    pg_notify('tandem_ready', queue || ' ' || extract(epoch FROM due) || ' ' || priority);

-- name: enqueue_as
-- One job with more: an id that was reserved, a time before which it waits outside the ready index, one after which it
-- does not begin any more, a key. No row: an unfinished job has its unique key.
INSERT INTO tandem_job AS first (
    id, queue, task, arguments, backend, priority, state, due, enqueued_at, run_after, expires_at,
    unique_key, replace_key, limit_key, limit_most, trace
)
VALUES (
    coalesce(%(id)s::bigint, nextval('tandem_job_id_seq')), %(queue)s, %(task)s, %(arguments)s, %(backend)s,
    %(priority)s::smallint,
    CASE WHEN %(run_after)s::timestamptz > statement_timestamp() THEN 0 WHEN %(limit_key)s::text IS NULL THEN 1 ELSE 5 END,
    CASE WHEN %(run_after)s::timestamptz > statement_timestamp() THEN %(run_after)s::timestamptz
         ELSE statement_timestamp() - %(head_start)s::interval END,
    statement_timestamp(), %(run_after)s::timestamptz, statement_timestamp() + %(expires)s::interval,
    %(unique_key)s::text, NULL, %(limit_key)s::text, %(limit_most)s::smallint, %(trace)s::text
)
ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL DO NOTHING
RETURNING id, extract(epoch FROM enqueued_at)::float8,
    CASE WHEN state = 1 THEN pg_notify('tandem_ready', queue || ' ' || extract(epoch FROM due) || ' ' || priority) END;

-- name: enqueue_or_replace
-- The same with a key that only one waiting job has: the one that has it takes all that is new, and keeps its id.
INSERT INTO tandem_job AS first (
    id, queue, task, arguments, backend, priority, state, due, enqueued_at, run_after, expires_at,
    unique_key, replace_key, kept_replace_key, limit_key, limit_most, trace
)
VALUES (
    coalesce(%(id)s::bigint, nextval('tandem_job_id_seq')), %(queue)s, %(task)s, %(arguments)s, %(backend)s,
    %(priority)s::smallint,
    CASE WHEN %(run_after)s::timestamptz > statement_timestamp() THEN 0 WHEN %(limit_key)s::text IS NULL THEN 1 ELSE 5 END,
    CASE WHEN %(run_after)s::timestamptz > statement_timestamp() THEN %(run_after)s::timestamptz
         ELSE statement_timestamp() - %(head_start)s::interval END,
    statement_timestamp(), %(run_after)s::timestamptz, statement_timestamp() + %(expires)s::interval,
    NULL, %(unique_key)s::text, %(unique_key)s::text, %(limit_key)s::text, %(limit_most)s::smallint, %(trace)s::text
)
ON CONFLICT (replace_key) WHERE replace_key IS NOT NULL DO UPDATE SET
    queue = excluded.queue, arguments = excluded.arguments, backend = excluded.backend, priority = excluded.priority,
    state = CASE WHEN first.state = 6 THEN 6 ELSE excluded.state END, due = excluded.due,
    enqueued_at = excluded.enqueued_at, run_after = excluded.run_after, expires_at = excluded.expires_at,
    limit_key = excluded.limit_key, limit_most = excluded.limit_most, trace = excluded.trace,
    forgiven = first.attempt
RETURNING id, extract(epoch FROM enqueued_at)::float8,
    CASE WHEN state = 1 THEN pg_notify('tandem_ready', queue || ' ' || extract(epoch FROM due) || ' ' || priority) END;

-- name: first
-- The unfinished job that has a unique key.
SELECT id FROM tandem_job WHERE unique_key = %(unique_key)s::text;

-- name: reserve
-- Ids ahead of their rows, and the time by the database's clock.
SELECT array_agg(nextval('tandem_job_id_seq')), extract(epoch FROM statement_timestamp())::float8 FROM generate_series(1, %(count)s);

-- name: copy
-- Many jobs as one stream.
COPY tandem_job (
    id, queue, task, arguments, backend, priority, state, due, enqueued_at, run_after, expires_at, limit_key, limit_most,
    trace
) FROM STDIN WITH (FORMAT binary);

-- name: announce
-- Tell the workers of a queue the earliest due, and the highest priority, of what became ready.
SELECT pg_notify('tandem_ready', %(queue)s || ' ' || extract(epoch FROM %(due)s::timestamptz) || ' ' || %(priority)s::smallint);
