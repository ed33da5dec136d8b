-- name: enqueue
-- One job that is ready now; the workers of its queue are told at commit.
INSERT INTO tandem_job (queue, task, arguments, backend, priority, state, due, enqueued_at)
VALUES (
    %(queue)s, %(task)s, %(arguments)s, %(backend)s, %(priority)s::smallint, 1,
    statement_timestamp() - %(head_start)s::interval, statement_timestamp()
)
RETURNING id, extract(epoch FROM enqueued_at)::float8, pg_notify('tandem_ready', queue || ' ' || extract(epoch FROM due));

-- name: enqueue_as
-- One job with an id that was reserved, or a time before which it waits outside the ready index.
INSERT INTO tandem_job (id, queue, task, arguments, backend, priority, state, due, enqueued_at, run_after)
VALUES (
    coalesce(%(id)s::bigint, nextval('tandem_job_id_seq')), %(queue)s, %(task)s, %(arguments)s, %(backend)s,
    %(priority)s::smallint, CASE WHEN %(run_after)s::timestamptz > statement_timestamp() THEN 0 ELSE 1 END,
    CASE WHEN %(run_after)s::timestamptz > statement_timestamp() THEN %(run_after)s::timestamptz
         ELSE statement_timestamp() - %(head_start)s::interval END,
    statement_timestamp(), %(run_after)s::timestamptz
)
RETURNING id, extract(epoch FROM enqueued_at)::float8,
    CASE WHEN state = 1 THEN pg_notify('tandem_ready', queue || ' ' || extract(epoch FROM due)) END;

-- name: reserve
-- Ids ahead of their rows, and the time by the database's clock.
SELECT array_agg(nextval('tandem_job_id_seq')), extract(epoch FROM statement_timestamp())::float8 FROM generate_series(1, %(count)s);

-- name: copy
-- Many jobs as one stream.
COPY tandem_job (id, queue, task, arguments, backend, priority, state, due, enqueued_at, run_after) FROM STDIN;

-- name: announce
-- Tell the workers of a queue the earliest due that became ready.
SELECT pg_notify('tandem_ready', %(queue)s || ' ' || extract(epoch FROM %(due)s::timestamptz));
