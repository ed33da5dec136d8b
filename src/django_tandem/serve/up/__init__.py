"""`tandem up`: all roles of tandem.toml on this machine."""
