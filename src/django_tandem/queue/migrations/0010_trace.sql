ALTER TABLE tandem_job ADD COLUMN trace text;
COMMENT ON COLUMN tandem_job.trace IS 'W3C trace context in which it was enqueued, JSON; NULL where nobody traces';
