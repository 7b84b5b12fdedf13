"""The organisation that a seed names."""

from __future__ import annotations

import re

from pipeline.simulate.entropy import Entropy
from pipeline.simulate.organisation import build_organisation, cloud_address, new_role, new_user, public_network


def test_a_seed_names_one_organisation() -> None:
    """Accounts, networks and ids are the same for a seed and others for another; one account begins with zero."""
    one, again, other = build_organisation(1), build_organisation(1), build_organisation(2)
    assert one.accounts == again.accounts != other.accounts
    assert one.offices == again.offices
    assert all(re.fullmatch(r"\d{12}", account) for account in one.accounts.values())
    assert one.account("staging").startswith("0")
    assert one.saml_provider("111122223333").startswith("arn:aws:iam::111122223333:saml-provider/")


def test_people_share_offices_and_tools_but_not_homes() -> None:
    """Colleagues come from few offices with few tools; each has a home of his own."""
    org, ids = build_organisation(1), Entropy(2)
    people = [org.new_person(ids) for _ in range(60)]
    assert len({person.office for person in people}) <= 4
    assert len({person.home for person in people}) == 60
    assert len({person.cli for person in people}) <= 5
    assert people[0].address(at_home=True).startswith(people[0].home + ".")
    assert people[0].address(at_home=False).startswith(people[0].office + ".")


def test_addresses_are_addresses() -> None:
    """Every address has four numbers below 256."""
    org, ids = build_organisation(1), Entropy(2)
    made = [f"{public_network(ids)}.1", cloud_address(ids), org.runner_address(ids)]
    for address in made * 1:
        assert all(0 <= int(part) < 256 for part in address.split("."))
        assert len(address.split(".")) == 4


def test_principals_get_fresh_ids() -> None:
    """A role made twice under one name is two roles."""
    ids = Entropy(2)
    assert new_role(ids, "1" * 12, "app").role_id != new_role(ids, "1" * 12, "app").role_id
    assert new_user(ids, "1" * 12, "ana").key_id.startswith("AKIA")
