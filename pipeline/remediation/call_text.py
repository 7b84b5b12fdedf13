"""One API call as text: a command of the AWS CLI, and Python with boto3.

What enters: service, operation, parameters. What leaves: a line for a POSIX shell, a snippet. This module must never
hold a secret: a value that is made when the call is made is read from its file.

Source: AWS CLI command reference (option names, ``file://``, the two options that ``create-virtual-mfa-device`` asks
for beside the API's own).
"""

from __future__ import annotations

import json
import pprint
import shlex
from collections.abc import Mapping
from typing import Any

from botocore import xform_name

_LINE = 100
"""Characters of a line of Python."""


def write_cli(
    service: str,
    operation: str,
    parameters: Mapping[str, Any],
    *,
    region: str = "",
    generated: str = "",
    secret_file: str = "",
) -> str:
    """The call as an AWS CLI command, quoted for a POSIX shell.

    Args:
        service: as boto3 names it.
        operation: as the API names it.
        parameters: as the API names them.
        region: where the call must go; ``""`` for the caller's own.
        generated: a parameter whose value stands in ``secret_file``.
        secret_file: that file, or the one that gets the answer's secret.
    """
    words = ["aws", service, xform_name(operation, "-")]
    for name, value in parameters.items():
        option = f"--{xform_name(name, '-')}"
        if isinstance(value, bool):
            words.append(option if value else option.replace("--", "--no-", 1))
        else:
            text = json.dumps(value) if isinstance(value, (list, dict)) else str(value)
            # A name may begin with a dash; the equals sign keeps it from being taken for an option.
            words += [f"{option}={text}"] if text.startswith("-") else [option, text]
    if generated:
        words += [f"--{xform_name(generated, '-')}", f"file://{secret_file}"]
    if operation == "CreateVirtualMFADevice":
        # The CLI writes the seed to a file by itself and asks for its name and form.
        words += ["--outfile", secret_file, "--bootstrap-method", "Base32StringSeed"]
    if region:
        words += ["--region", region]
    return " ".join(map(_quote, words))


def _quote(word: str) -> str:
    """One word of a shell: printable as it is, anything that would act on a terminal by its number."""
    if word.replace("\n", "").isprintable():
        return shlex.quote(word)
    parts = [
        character
        if character.isprintable() and character not in "\\'"
        else "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))
        for character in word
    ]
    # Quotes of this kind are in POSIX since 2024, and in bash, ksh and zsh.
    return f"$'{''.join(parts)}'"


def write_python(
    service: str,
    operation: str,
    parameters: Mapping[str, Any],
    *,
    region: str = "",
    generated: str = "",
    secret_file: str = "",
) -> str:
    """The call as Python with boto3; the arguments are those of ``write_cli``."""
    lines = ["import boto3"] + (["from pathlib import Path"] if generated else [])
    where = f", region_name={region!r}" if region else ""
    arguments = _write_arguments(dict(parameters))
    secret = f", {generated}=Path({secret_file!r}).read_text()" if generated else ""
    lines += ["", f"client = boto3.client({service!r}{where})"]
    return "\n".join([*lines, f"client.{xform_name(operation)}(**{arguments}{secret})", ""])


def _write_arguments(parameters: dict[str, Any]) -> str:
    """A dictionary as ``pprint`` writes it, which is asked only where a line is too short for it."""
    line = repr(parameters)
    return line if len(line) <= _LINE else pprint.pformat(parameters, width=_LINE, sort_dicts=False)
