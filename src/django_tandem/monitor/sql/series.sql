-- name: since
-- Samples of a resolution, of the last `length`.
SELECT at, server, role, host, release, facts FROM tandem_sample
WHERE resolution = %(resolution)s AND at >= clock_timestamp() - %(length)s::interval
ORDER BY at, server;
