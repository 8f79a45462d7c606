"""The names under which workflows call activities; history holds them, so they never change."""

from __future__ import annotations

SCHEDULE = "deadlines.schedule"
INSTANT = "deadlines.instant"
PUBLISH = "readmodel.publish"
IN_TIME = "inbox.in_time"
CANDIDATES = "directory.candidates"
FOCAL_POINT = "directory.focal_point"
ISSUE = "documents.issue"
KEEP_RUN = "archive.keep_run"
STANDINS = "appointments.standins"
