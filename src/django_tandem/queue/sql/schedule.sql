-- name: promote
-- Scheduled jobs whose time has come. Due counts from the time they were to be ready, not from when somebody looked.
WITH job AS (
    UPDATE tandem_job AS job
    SET state = 1, due = job.due - job.priority * coalesce(
        (SELECT p.patience FROM unnest(%(queues)s::text[], %(patiences)s::interval[]) AS p (queue, patience)
         WHERE p.queue = job.queue), %(patience)s::interval)
    WHERE job.id = ANY (ARRAY(
        SELECT id FROM tandem_job WHERE state = 0 AND due <= statement_timestamp()
        ORDER BY due LIMIT %(count)s FOR UPDATE SKIP LOCKED
    ))
    RETURNING job.queue, job.due
), earliest AS (SELECT queue, min(due) AS due, count(*) AS jobs FROM job GROUP BY queue)
SELECT queue, jobs, pg_notify('tandem_ready', queue || ' ' || extract(epoch FROM due)) FROM earliest;
