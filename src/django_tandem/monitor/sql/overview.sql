-- name: servers
-- What charts show of servers: of each role and host in each step, of levels the highest, of counts the sum. `covered`:
-- seconds of the step of which samples are there. Histograms as they are, to be added up by who reads.
-- `|| '{}'` unpacks a row's facts once and not for each value; OFFSET 0 lets only the values be sorted, not the facts.
SELECT step, role, host, array_agg(DISTINCT release) AS releases, count(DISTINCT at) * %(resolution)s AS covered,
    max(load) AS load, sum(pages) AS pages, sum(errors_5xx) AS errors_5xx, sum(successful) AS successful,
    sum(failed) AS failed, '[' || string_agg(seconds, ',') || ']' AS seconds
FROM (
    SELECT date_bin(%(step)s::interval, at, timestamptz '2000-01-01 00:00:00Z') AS step, at, role, host, release,
        (read.facts #>> '{host,load,0}')::float8 / nullif((read.facts #>> '{host,cores}')::float8, 0) AS load,
        (read.facts #>> '{pages,count}')::bigint AS pages,
        (read.facts #>> '{pages,errors_5xx}')::bigint AS errors_5xx,
        (read.facts #>> '{tasks,successful}')::bigint AS successful,
        (read.facts #>> '{tasks,failed}')::bigint AS failed,
        read.facts #>> '{pages,seconds}' AS seconds
    FROM tandem_sample, LATERAL (SELECT tandem_sample.facts || '{}' AS facts OFFSET 0) AS read
    WHERE resolution = %(resolution)s AND at >= %(since)s AND server <> 0
    OFFSET 0
) AS sample
GROUP BY step, role, host ORDER BY step, role, host;

-- name: fleet
-- What charts show of what all servers share, the highest of each step.
SELECT step, max(ready) AS ready, max(oldest_s) AS oldest_s, max(connections) AS connections, max(waiting) AS waiting,
    max(most_connections) AS most_connections
FROM (
    SELECT date_bin(%(step)s::interval, at, timestamptz '2000-01-01 00:00:00Z') AS step,
        (read.facts #>> '{database,connections}')::int AS connections,
        (read.facts #>> '{database,waiting}')::int AS waiting,
        (read.facts #>> '{database,most_connections}')::int AS most_connections,
        waits.ready, waits.oldest_s
    FROM tandem_sample, LATERAL (SELECT tandem_sample.facts || '{}' AS facts OFFSET 0) AS read, LATERAL (
        SELECT sum((value ->> 'ready')::bigint) AS ready, max((value ->> 'oldest_s')::float8) AS oldest_s
        FROM jsonb_each(CASE jsonb_typeof(read.facts -> 'queues') WHEN 'object' THEN read.facts -> 'queues' END)
    ) AS waits
    WHERE resolution = %(resolution)s AND at >= %(since)s AND server = 0
    OFFSET 0
) AS sample
GROUP BY step ORDER BY step;

-- name: moves
-- When the fence moved, and to which release: by the ledger of the newest runs, and where no run moved it by where it
-- stands, and since when.
WITH run AS (SELECT id, kind, commit, digest FROM tandem_run ORDER BY id DESC LIMIT 200)
SELECT step.at AS at, coalesce(
        step.detail ->> 'to', CASE run.kind WHEN 'activate' THEN run.commit ELSE built.release END
    ) AS release
FROM run
JOIN tandem_step AS step ON step.run = run.id AND step.step = 'switch' AND step.leg IS NULL AND step.what = 'ended'
LEFT JOIN tandem_release AS built ON built.digest = run.digest
WHERE step.at >= %(since)s
UNION ALL SELECT changed_at, release FROM tandem_fence WHERE changed_at >= %(since)s
UNION ALL SELECT became_live_at, release FROM tandem_release WHERE became_live_at >= %(since)s
ORDER BY 1;

-- name: clock
-- Samples have the times of this clock.
SELECT clock_timestamp();

-- name: heard
-- The servers that have not stopped, and when each was heard last.
SELECT role, host, heartbeat_at FROM tandem_server WHERE state <> 'stopped' ORDER BY role, host;

-- name: paused
SELECT name FROM tandem_pause WHERE kind = 'queue';
