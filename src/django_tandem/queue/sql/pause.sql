-- name: pause
INSERT INTO tandem_pause (kind, name, paused_by) VALUES (%(kind)s::text, %(name)s::text, %(by)s::text)
ON CONFLICT DO NOTHING
RETURNING pg_notify('tandem_pause', name);

-- name: resume
DELETE FROM tandem_pause WHERE kind = %(kind)s::text AND name = %(name)s::text
RETURNING pg_notify('tandem_pause', name);

-- name: paused
SELECT kind, name, paused_at, paused_by FROM tandem_pause ORDER BY kind, name;

-- name: paused_tasks
SELECT name FROM tandem_pause WHERE kind = 'task';

-- name: park
-- Ready jobs of a paused task leave the ready index, so that no claim walks over them.
UPDATE tandem_job SET state = 6 WHERE id = ANY (ARRAY(
    SELECT id FROM tandem_job WHERE state = 1 AND task = %(task)s::text LIMIT %(count)s FOR UPDATE SKIP LOCKED
))
RETURNING id;

-- name: park_claimed
-- The same for those that a worker has claimed and not begun; the attempt not counted.
UPDATE tandem_job
SET state = 6, server = NULL, worker = NULL, attempt = attempt - 1, claimed_at = NULL
WHERE id = ANY (%(ids)s::bigint[]) AND state + 0 = 2 AND server = %(server)s AND worker = %(worker)s;

-- name: unpark
-- Parked jobs whose task is not paused, or not any more, are ready again.
WITH job AS (
    UPDATE tandem_job SET state = CASE WHEN limit_key IS NULL THEN 1 ELSE 5 END WHERE id = ANY (ARRAY(
        SELECT id FROM tandem_job
        WHERE state = 6 AND task <> ALL (ARRAY(SELECT name FROM tandem_pause WHERE kind = 'task'))
        LIMIT %(count)s FOR UPDATE SKIP LOCKED
    ))
    RETURNING queue, due, priority
), first AS (SELECT queue, min(due) AS due, max(priority) AS priority, count(*) AS jobs FROM job GROUP BY queue)
SELECT queue, jobs, pg_notify('tandem_ready', queue || ' ' || extract(epoch FROM due) || ' ' || priority) FROM first;

-- name: announce
-- The workers of a queue that goes on are told what is due first. Of priorities nothing is known: any may be there.
SELECT pg_notify('tandem_ready', queue || ' ' || extract(epoch FROM due) || ' 100') FROM (
    SELECT queue, due FROM tandem_job WHERE state = 1 AND queue = %(name)s::text ORDER BY queue, due, id LIMIT 1
) AS first;

-- name: claims_since_before
-- Workers whose claim may have begun before a pause was there, and which therefore may not see it.
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'tandem worker %%' AND state <> 'idle'
    AND xact_start < %(at)s::timestamptz;

-- name: now
SELECT clock_timestamp();

-- name: running
-- What still runs of a queue, what a worker holds and is about to give back too.
SELECT id, task, server, worker FROM tandem_job WHERE state = 2 AND queue = %(queue)s::text ORDER BY id;

-- name: known
-- Whether an unfinished job is of this queue or task.
SELECT EXISTS (SELECT FROM tandem_job WHERE CASE %(kind)s::text WHEN 'queue' THEN queue ELSE task END = %(name)s::text);
