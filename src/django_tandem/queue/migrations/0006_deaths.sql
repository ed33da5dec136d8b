ALTER TABLE tandem_job ADD COLUMN deaths smallint NOT NULL DEFAULT 0;
COMMENT ON COLUMN tandem_job.deaths IS 'How many workers died while it ran, and no job that was suspected before ran beside it';
