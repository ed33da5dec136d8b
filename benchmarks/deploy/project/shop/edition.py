# What each release changes: pages show it, and tasks write it down.
EDITION = 0
