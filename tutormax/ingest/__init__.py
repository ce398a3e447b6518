"""Ingest: a customer's own files, checked row by row and taken in whole or with every refusal named.

`python -m tutormax.ingest --organization NAME FILE...` for people, `ingest_files` for programs.
"""

from tutormax.ingest.batch import FileRefusedError, Refusal, UnreadableFileError
from tutormax.ingest.kinds import Kind
from tutormax.ingest.organization import OrganizationError
from tutormax.ingest.report import FileReport
from tutormax.ingest.stage import Terms, ingest_files

__all__ = [
    "FileRefusedError",
    "FileReport",
    "Kind",
    "OrganizationError",
    "Refusal",
    "Terms",
    "UnreadableFileError",
    "ingest_files",
]
