"""What people read of a run: recap, status, history and the report. Pure: values in, text out.

This room lies beneath the sinks, which fold and escape with the same rules.
"""
