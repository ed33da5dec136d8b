CREATE TABLE tandem_schedule (
    name        text PRIMARY KEY,
    task        text NOT NULL,
    expression  text NOT NULL,
    zone        text NOT NULL,
    missed      text NOT NULL,
    next_at     timestamptz,
    paused_by   text
);
COMMENT ON TABLE tandem_schedule IS 'Recurring tasks, as the code of the active release has them';
COMMENT ON COLUMN tandem_schedule.next_at IS 'When it fires next; NULL: never again';

CREATE TABLE tandem_firing (
    schedule  text NOT NULL,
    fire_at   timestamptz NOT NULL,
    fired_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    job       bigint,
    error     text,
    PRIMARY KEY (schedule, fire_at)
);
COMMENT ON TABLE tandem_firing IS 'One row each time that a schedule fired: a fleet fires once';
COMMENT ON COLUMN tandem_firing.error IS 'Why there is no job';
