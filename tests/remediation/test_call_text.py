"""Calls as text: names that a shell or the AWS CLI could take for something else stay names."""

from __future__ import annotations

import pprint
import shlex
import subprocess
from types import SimpleNamespace

import pytest

from pipeline.remediation.call_text import write_cli, write_python

HOSTILE = ["--profile", "-x", "a b", "$(touch x)", "`id`", "a'b\"c", "a;b", "\\"]


def test_a_hostile_name_is_one_word_and_no_option() -> None:
    """Quoted for the shell; a leading dash is tied to its option by an equals sign."""
    for name in HOSTILE:
        words = shlex.split(write_cli("iam", "DeleteUser", {"UserName": name}))
        assert words[:3] == ["aws", "iam", "delete-user"]
        assert words[3:] in ([f"--user-name={name}"], ["--user-name", name])
        assert not words[-1].startswith("-") or words[-1] == f"--user-name={name}"


@pytest.mark.parametrize("name", ["a\x1b[2Jb", "a\u202eb", "a\rb", "a'\\\x07b", "\x1b1", "é\x1b0", "two\nlines"])
def test_what_acts_on_a_terminal_stands_as_its_number(name: str) -> None:
    """The command shows no control or bidi character, and a shell reads the very name from it."""
    command = write_cli("iam", "DeleteUser", {"UserName": name})
    assert all(character.isprintable() or character == "\n" for character in command)
    word = command.removeprefix("aws iam delete-user --user-name ")
    assert subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, check=True).stdout == name.encode()


def test_a_snippet_holds_a_hostile_name_as_data() -> None:
    """Python reads back exactly the parameters."""
    seen: list[dict[str, str]] = []
    client = SimpleNamespace(delete_user=lambda **given: seen.append(given))
    for name in HOSTILE:
        exec(write_python("iam", "DeleteUser", {"UserName": name}).splitlines()[-1], {"client": client})
    assert seen == [{"UserName": name} for name in HOSTILE]


@pytest.mark.parametrize("length", [1, 60, 82, 83, 84, 85, 200])
def test_a_snippet_breaks_its_arguments_as_pprint_does(length: int) -> None:
    """Those that fit a line, and those that do not."""
    given = {"UserName": "x" * length, "Tags": [{"Key": "a", "Value": "é'"}, {"Key": "b", "Value": "2"}][: length % 3]}
    expected = pprint.pformat(given, width=100, sort_dicts=False)
    assert write_python("iam", "TagUser", given).endswith(f"client.tag_user(**{expected})\n")


def test_flags_lists_regions_and_secrets() -> None:
    """Flags by their presence, a region at the end, a secret by its file, never by its value."""
    given = {"UserName": "ann", "PasswordResetRequired": False}
    text = write_cli("iam", "UpdateLoginProfile", given, generated="Password", secret_file="/tmp/p.txt")
    assert (
        text == "aws iam update-login-profile --user-name ann --no-password-reset-required --password file:///tmp/p.txt"
    )
    text = write_cli("cloudtrail", "StartLogging", {"Name": "t"}, region="eu-west-1")
    assert text == "aws cloudtrail start-logging --name t --region eu-west-1"
    code = write_python("iam", "UpdateLoginProfile", given, generated="Password", secret_file="/tmp/p.txt")
    assert code.splitlines()[-1].endswith("Password=Path('/tmp/p.txt').read_text())")
    assert "region_name='eu-west-1'" in write_python("cloudtrail", "StartLogging", {"Name": "t"}, region="eu-west-1")
