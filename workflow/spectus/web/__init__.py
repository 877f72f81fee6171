"""Styles and drawings that the report and the service share."""
