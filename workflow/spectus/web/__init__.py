"""Styles, page templates and structure drawings that the report and the service share."""
