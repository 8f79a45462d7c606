"""Receipts, signatures, links: bytes in, bytes out."""
