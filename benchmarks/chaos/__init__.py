"""Chaos: a fleet of servers, random faults, and then the account of every job."""
