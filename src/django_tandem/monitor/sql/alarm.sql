-- name: alone
-- Whether nobody else looks at this moment; held until the transaction ends. Nothing in it may take long.
SELECT pg_try_advisory_xact_lock(hashtextextended('django_tandem alarms', 0)),
    set_config('statement_timeout', %(timeout)s::text, true);

-- name: servers
-- Those that have not stopped, and were heard lately; those that others had to stop, for they were silent.
SELECT id, role, host, pid, release, state, config_digest, started_at,
    heartbeat_at > clock_timestamp() - %(lease)s::interval AS beats, heartbeat_at
FROM tandem_server
WHERE (state <> 'stopped' AND heartbeat_at > clock_timestamp() - %(lately)s::interval)
    OR silent_since > clock_timestamp() - %(lately)s::interval
ORDER BY role, host, id;

-- name: roles_seen
-- The roles that had a server lately, whatever became of it.
SELECT DISTINCT role FROM tandem_server WHERE heartbeat_at > clock_timestamp() - %(lately)s::interval;

-- name: fleet
-- The newest of what all share, if it is fresh.
SELECT facts FROM tandem_sample
WHERE resolution = 5 AND server = 0 AND at >= statement_timestamp() - %(fresh)s::interval
ORDER BY at DESC LIMIT 1;

-- name: hosts
-- Of each server the newest load that is fresh.
SELECT DISTINCT ON (role, host) role, host, (facts #>> '{host,load,0}')::float8, (facts #>> '{host,cores}')::float8
FROM tandem_sample
WHERE resolution = 5 AND server <> 0 AND at >= statement_timestamp() - %(fresh)s::interval AND facts ? 'host'
ORDER BY role, host, at DESC;

-- name: pages
-- Of each Back Office that is still heard: how many requests of the last while timed out, and how long each sample's took.
SELECT role, host, coalesce(sum((facts #>> '{pages,timeouts}')::bigint), 0)::bigint,
    coalesce(jsonb_agg(facts #> '{pages,seconds}') FILTER (WHERE facts #> '{pages,seconds}' IS NOT NULL), '[]')
FROM tandem_sample
WHERE resolution = 5 AND server <> 0 AND at >= statement_timestamp() - %(length)s::interval AND facts ? 'pages'
GROUP BY role, host HAVING max(at) >= statement_timestamp() - %(fresh)s::interval ORDER BY role, host;

-- name: slowest_view
-- Of all time that a Back Office took for views, which took most.
SELECT view.key FROM tandem_sample, jsonb_each(facts #> '{pages,views}') AS view
WHERE resolution = 5 AND server <> 0 AND at >= statement_timestamp() - %(length)s::interval
    AND role = %(role)s::text AND host = %(host)s::text
    AND jsonb_typeof(facts #> '{pages,views}') = 'object'
GROUP BY view.key ORDER BY sum((view.value #>> '{seconds,sum}')::float8) DESC NULLS LAST LIMIT 1;

-- name: missed
-- Schedules of the live release that were to fire, and did not.
SELECT name, next_at FROM tandem_schedule
WHERE paused_by IS NULL AND next_at < clock_timestamp() - %(late)s::interval
ORDER BY next_at, name LIMIT %(most)s;

-- name: see
-- What is so now.
INSERT INTO tandem_alarm (kind, subject, text, todo)
SELECT * FROM unnest(%(kinds)s::text[], %(subjects)s::text[], %(texts)s::text[], %(todos)s::text[])
ON CONFLICT (kind, subject) WHERE ended_at IS NULL DO UPDATE SET
    text = excluded.text, todo = excluded.todo, seen_at = clock_timestamp();

-- name: open
-- What was seen in this transaction, and has been so for as long as its kind takes.
UPDATE tandem_alarm AS alarm SET opened_at = clock_timestamp()
FROM unnest(%(kinds)s::text[], %(holds)s::interval[]) AS wanted (kind, hold)
WHERE alarm.ended_at IS NULL AND alarm.opened_at IS NULL AND alarm.kind = wanted.kind AND alarm.seen_at >= now()
    AND alarm.since <= clock_timestamp() - wanted.hold
RETURNING alarm.id, alarm.kind, alarm.subject, alarm.text, alarm.todo, alarm.since;

-- name: end
-- What has not been so for as long as its kind takes to be over.
UPDATE tandem_alarm AS alarm SET ended_at = clock_timestamp()
FROM unnest(%(kinds)s::text[], %(wells)s::interval[]) AS wanted (kind, well)
WHERE alarm.ended_at IS NULL AND alarm.opened_at IS NOT NULL AND alarm.kind = wanted.kind
    AND alarm.seen_at < clock_timestamp() - wanted.well
RETURNING alarm.id, alarm.kind, alarm.subject, alarm.text, alarm.todo, alarm.since;

-- name: drop
-- What did not hold long enough, or was not looked at for a while.
DELETE FROM tandem_alarm
WHERE ended_at IS NULL AND opened_at IS NULL AND seen_at < clock_timestamp() - %(gap)s::interval;

-- name: forget
DELETE FROM tandem_alarm
WHERE since < clock_timestamp() - %(older_than)s::interval AND ended_at < clock_timestamp() - %(older_than)s::interval;

-- name: open_now
SELECT kind, subject, text, todo, since FROM tandem_alarm
WHERE ended_at IS NULL AND opened_at IS NOT NULL
ORDER BY since, id LIMIT %(most)s;

-- name: newest
SELECT kind, subject, text, todo, since, ended_at FROM tandem_alarm
WHERE opened_at IS NOT NULL
ORDER BY since DESC, id DESC LIMIT %(most)s;
