-- name: expire
-- Jobs that nobody began in time: failed, with the reason. SKIP LOCKED: of several schedulers one takes each.
WITH gone AS (
    DELETE FROM tandem_job WHERE id = ANY (ARRAY(
        SELECT id FROM tandem_job WHERE expires_at <= statement_timestamp() AND state <> 2
        ORDER BY expires_at LIMIT %(count)s FOR UPDATE SKIP LOCKED
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
        'error', json_build_object(
            'class', 'django_tandem.errors.Expired',
            'text', 'it was to begin before ' || to_char(expires_at, 'YYYY-MM-DD HH24:MI:SS') || ' UTC'
        )
    ) || ']', NULL, limit_key, limit_most, unique_key, kept_replace_key
FROM gone
RETURNING id;

-- name: promote
-- Scheduled jobs whose time has come. Due counts from the time they were to be ready, not from when somebody looked.
-- `since`: from when on to look, so that what was found before is not walked over again.
WITH job AS (
    UPDATE tandem_job AS job
    SET state = CASE WHEN job.limit_key IS NULL THEN 1 ELSE 5 END, due = job.due - job.priority * coalesce(
        (SELECT p.patience FROM unnest(%(queues)s::text[], %(patiences)s::interval[]) AS p (queue, patience)
         WHERE p.queue = job.queue), %(patience)s::interval)
    WHERE job.id = ANY (ARRAY(
        SELECT id FROM tandem_job
        WHERE state = 0 AND due >= %(since)s::timestamptz AND due <= statement_timestamp()
        ORDER BY due LIMIT %(count)s FOR UPDATE SKIP LOCKED
    ))
    RETURNING job.queue, job.due, job.priority
), first AS (SELECT queue, min(due) AS due, max(priority) AS priority, count(*) AS jobs FROM job GROUP BY queue)
SELECT queue, jobs, pg_notify('tandem_ready', queue || ' ' || extract(epoch FROM due) || ' ' || priority) FROM first;
