-- name: now
SELECT clock_timestamp();

-- name: sync
-- What this release's code says, if the fence names this release. A time that was computed from the same expression
-- stays: whoever was to fire at it still is.
INSERT INTO tandem_schedule (name, task, expression, zone, missed, next_at)
SELECT * FROM unnest(
    %(names)s::text[], %(tasks)s::text[], %(expressions)s::text[], %(zones)s::text[], %(missed)s::text[],
    %(next)s::timestamptz[]
) AS new (name, task, expression, zone, missed, next_at)
WHERE (SELECT release FROM tandem_fence) = %(release)s::text
ON CONFLICT (name) DO UPDATE SET
    task = excluded.task, expression = excluded.expression, zone = excluded.zone, missed = excluded.missed,
    next_at = CASE
        WHEN (tandem_schedule.expression, tandem_schedule.zone) = (excluded.expression, excluded.zone)
        THEN tandem_schedule.next_at ELSE excluded.next_at END;

-- name: remove
-- What it does not say any more.
DELETE FROM tandem_schedule
WHERE name <> ALL (%(names)s::text[]) AND (SELECT release FROM tandem_fence) = %(release)s::text
RETURNING name;

-- name: due
-- The schedule whose time came first, held until the transaction ends: of many schedulers one fires it.
SELECT name, next_at, clock_timestamp() FROM tandem_schedule
WHERE next_at <= clock_timestamp() AND paused_by IS NULL AND (SELECT release FROM tandem_fence) = %(release)s::text
ORDER BY next_at LIMIT 1
FOR UPDATE SKIP LOCKED;

-- name: fire
-- One row a firing: whoever comes second finds it there.
INSERT INTO tandem_firing (schedule, fire_at) VALUES (%(name)s, %(fire_at)s) ON CONFLICT DO NOTHING RETURNING schedule;

-- name: fired
UPDATE tandem_firing SET job = %(job)s, error = %(error)s WHERE schedule = %(name)s AND fire_at = %(fire_at)s;

-- name: next
UPDATE tandem_schedule SET next_at = %(next)s WHERE name = %(name)s;

-- name: forget
-- Firings older than anybody asks for, but never the last of a schedule.
DELETE FROM tandem_firing AS old
WHERE fired_at < clock_timestamp() - interval '30 days'
    AND EXISTS (SELECT FROM tandem_firing AS new WHERE new.schedule = old.schedule AND new.fire_at > old.fire_at);

-- name: list
SELECT schedule.name, schedule.task, schedule.expression, schedule.zone, schedule.missed, schedule.next_at,
    schedule.paused_by, last.fire_at, last.job, last.error
FROM tandem_schedule AS schedule
LEFT JOIN LATERAL (
    SELECT fire_at, job, error FROM tandem_firing WHERE schedule = schedule.name ORDER BY fire_at DESC LIMIT 1
) AS last ON true
ORDER BY schedule.name;

-- name: pause
UPDATE tandem_schedule SET paused_by = %(by)s WHERE name = %(name)s AND paused_by IS NULL RETURNING name;

-- name: resume
UPDATE tandem_schedule SET paused_by = NULL, next_at = %(next)s WHERE name = %(name)s AND paused_by IS NOT NULL
RETURNING name;
