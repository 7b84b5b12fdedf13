"""ARNs in a few words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report import clean_text
from pipeline.report.principal_label import PrincipalLabel, label_principal, mask_ends, measure_labels, shorten


@pytest.mark.parametrize(
    ("arn", "kind", "name", "account"),
    [
        ("arn:aws:iam::111122223333:user/eng/dana", "user", "eng/dana", "111122223333"),
        ("arn:aws:sts::111122223333:assumed-role/ci/build-1", "session", "ci/build-1", "111122223333"),
        ("arn:aws-cn:iam::000022223333:role/x", "role", "x", "000022223333"),
        (
            "arn:aws:iam::1:oidc-provider/issuer.example|repo:org/x:ref:refs/heads/main",
            "OIDC subject",
            "repo:org/x:ref:refs/heads/main",
            "1",
        ),
        ("arn:aws:iam::1:saml-provider/Corp|dana@corp.example", "SAML subject", "dana@corp.example", "1"),
        ("arn:aws:iam::1:saml-provider/Corp", "principal", "Corp", "1"),
        ("arn:aws:iam::111122223333:root", "root user", "root", "111122223333"),
        ("arn:aws:sts::111122223333:federated-user/f", "federated user", "f", "111122223333"),
        ("arn:aws:lambda:eu-west-1:1:function:x", "principal", "function:x", "1"),
        ("ASIAABCDEFGHIJKLMNOP", "access key", "ASIA************MNOP", ""),
        ("lambda.amazonaws.com", "principal", "lambda.amazonaws.com", ""),
        ("arn:aws:iam", "principal", "arn:aws:iam", ""),
    ],
)
def test_a_principal_is_told_by_its_arn(arn: str, kind: str, name: str, account: str) -> None:
    """Kind, name and account come from the ARN; what is none stays as it is."""
    label = label_principal(arn)
    assert (label.kind, label.name, label.account_id) == (kind, name, account)


@pytest.mark.parametrize("value", ["", None])
def test_a_hidden_principal_is_unknown(value: str | None) -> None:
    """Where the record names nobody, the label says so."""
    assert label_principal(value) == PrincipalLabel("principal", "unknown", "", "unknown")


def test_the_full_text_travels_along() -> None:
    """A shortened name keeps its ARN beside it."""
    arn = "arn:aws:iam::111122223333:role/" + "x" * 100
    label = label_principal(arn, width=20)
    assert (len(label.name), label.full) == (20, arn)
    assert measure_labels([label]) == 158


@given(st.text(st.characters(), max_size=300), st.integers(8, 60))
def test_shortening_keeps_the_width_and_both_ends(text: str, width: int) -> None:
    """Any text is cleaned and fits; one that was printable and short is unchanged."""
    short = shorten(text, width)
    assert len(short) <= width
    assert clean_text(short) == short
    if text.isascii() and text.isprintable() and len(text) <= width:
        assert short == text


def test_a_megabyte_is_cut_before_it_is_masked() -> None:
    """Only the ends of a long text are looked at, and keys in them are masked."""
    key = "AKIAIOSFODNN7EXAMPLE"
    text = f"{key} " + "x" * 1_000_000 + f" {key}"
    masked = mask_ends(text, show_keys=False)
    assert len(masked) == 4097
    assert (masked[:20], masked[-20:]) == ("AKIA************MPLE", "AKIA************MPLE")
    assert mask_ends(key, show_keys=True) == key
