"""A module of tasks that does not import, for a reason that is not an ImportError."""

raise RuntimeError("this module is broken")
