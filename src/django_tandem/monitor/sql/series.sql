-- name: since
-- Samples of a resolution, of the last `length`. No index is searched for what clock_timestamp() says: it is volatile.
SELECT at, server, role, host, release, facts FROM tandem_sample
WHERE resolution = %(resolution)s AND at >= statement_timestamp() - %(length)s::interval
ORDER BY at, server;
