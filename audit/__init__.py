"""Replay, state at an event, verification, bundles: reads cases, never writes one."""
