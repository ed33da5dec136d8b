"""Tandem runs one Django codebase as two servers: a Back Office for people, an Async Server for tasks."""
