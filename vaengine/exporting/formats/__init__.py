"""The formats of other tools, a module for each: functions from a source of values to files."""
