CREATE TABLE tandem_pressure (
    role        text PRIMARY KEY,
    level       smallint NOT NULL CHECK (level BETWEEN 0 AND 4),
    why         text NOT NULL,
    changed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at  timestamptz NOT NULL
);
COMMENT ON TABLE tandem_pressure IS 'How far the servers of a role yield; what nobody renews is over';
COMMENT ON COLUMN tandem_pressure.level IS '0 not at all, 1 and 2 jobs of negative priority, 3 and 4 the usual ones too';
COMMENT ON COLUMN tandem_pressure.changed_at IS 'Since when it is this level';

ALTER TABLE tandem_server ADD COLUMN silent_since timestamptz;
COMMENT ON COLUMN tandem_server.silent_since IS 'Its last heartbeat, where others took its jobs because it was silent';
CREATE INDEX tandem_server_silent ON tandem_server (silent_since) WHERE silent_since IS NOT NULL;
