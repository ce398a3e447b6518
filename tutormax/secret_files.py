"""Secrets out of files: `DATABASE_URL_FILE=/run/secrets/database_url` instead of a password in the environment."""

import os
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

from tutormax.errors import PermanentError

SUFFIX = "_FILE"


class SecretFileError(PermanentError):
    """A file that was to hold a secret cannot be used; the text names the variable and the file."""


class SecretFiles(PydanticBaseSettingsSource):
    """The value of every secret setting whose variable, with _FILE behind it, names a file."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return what the file of one setting holds, None without one."""
        variable = field.validation_alias
        if not isinstance(variable, str):
            variable = f"{self.config.get('env_prefix', '')}{field_name}".upper()
        return (read(variable) if _is_secret(field) else None), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the settings that files hold."""
        fields = self.settings_cls.model_fields.items()
        found = ((name, self.get_field_value(field, name)[0]) for name, field in fields)
        return {name: value for name, value in found if value is not None}


def read(variable: str) -> str | None:
    """Return the secret in the file that NAME_FILE names, None when it names none; raise SecretFileError."""
    path = os.environ.get(variable + SUFFIX)
    if not path:
        return None
    if os.environ.get(variable):
        raise SecretFileError(f"{variable} and {variable}{SUFFIX} are both set: which one is meant? Unset one")
    try:
        secret = Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretFileError(f"{variable}{SUFFIX}={path} cannot be read: {error}") from None
    if not secret:
        raise SecretFileError(f"{variable}{SUFFIX}={path} is an empty file: it holds the value of {variable}")
    return secret


def _is_secret(field: FieldInfo) -> bool:
    return field.annotation is SecretStr or SecretStr in get_args(field.annotation)
