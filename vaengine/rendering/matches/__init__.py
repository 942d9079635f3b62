"""Matches of a query as people look at them: a sheet, a page, and clips."""
