"""The jobs: the only place where rooms meet.

A job takes sources, a lake and settings, hands what one room made to the next, and returns a report of plain values.
It never draws on a terminal (``progress.py`` carries counts out) and never repairs what a room refused. Import a job
from its own module: workers and the command line load only what they need.
"""
