"""A made-up organisation: accounts, offices, people, tools.

What enters: a seed. What leaves: ``Organisation``, from which background and scenarios alike take their people,
addresses and tools, so that neither a name nor a user agent gives a scenario away. This module must never make events.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.simulate.entropy import Entropy
from pipeline.simulate.session import Role, User

REGIONS = ("us-east-1", "eu-west-1", "us-west-2")
IAM_REGION = "us-east-1"
OIDC_ISSUER = "token.actions.githubusercontent.com"

_ACCOUNTS = ("management", "security", "shared", "prod", "staging", "dev")
_FIRST = (
    "ana", "ben", "carla", "david", "elena", "femi", "grace", "hugo", "ines", "jonas", "karim", "lena", "marco",
    "nadia", "omar", "paula", "quentin", "rosa", "samir", "tara", "ugo", "vera", "wei", "xenia", "yusuf", "zoe",
    "amir", "britta", "chen", "dunja",
)  # fmt: skip
_LAST = (
    "adeyemi", "becker", "costa", "duarte", "eriksen", "fischer", "garcia", "haddad", "ivanova", "jensen",
    "kowalski", "lindqvist", "moreau", "novak", "okafor", "petrov", "quispe", "rossi", "schmidt", "tanaka", "ueda",
    "vargas", "weber", "xu", "yilmaz", "zhang",
)  # fmt: skip
_CLI = (
    "aws-cli/2.17.32 md/awscrt#0.21.2 ua/2.0 os/linux#6.8.0-45-generic md/arch#x86_64 lang/python#3.11.9 "
    "md/pyimpl#CPython cfg/retry-mode#standard md/installer#exe md/distrib#ubuntu.24 md/prompt#off",
    "aws-cli/2.22.4 md/awscrt#0.23.1 ua/2.0 os/macos#24.1.0 md/arch#arm64 lang/python#3.12.7 md/pyimpl#CPython "
    "cfg/retry-mode#standard md/installer#exe md/prompt#off",
    "aws-cli/2.15.58 md/awscrt#0.19.19 ua/2.0 os/windows#10 md/arch#amd64 lang/python#3.11.8 md/pyimpl#CPython "
    "cfg/retry-mode#standard md/installer#exe md/prompt#off",
    "Boto3/1.34.162 md/Botocore#1.34.162 ua/2.0 os/linux#5.15.0-122-generic md/arch#x86_64 lang/python#3.10.12 "
    "md/pyimpl#CPython cfg/retry-mode#legacy Botocore/1.34.162",
    "Boto3/1.35.71 md/Botocore#1.35.71 ua/2.0 os/macos#23.6.0 md/arch#arm64 lang/python#3.12.4 md/pyimpl#CPython "
    "cfg/retry-mode#legacy Botocore/1.35.71",
)
_BROWSER = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Safari/605.1.15",
)
TERRAFORM = (
    "APN/1.0 HashiCorp/1.0 Terraform/1.9.8 (+https://www.terraform.io) terraform-provider-aws/5.76.0 "
    "(+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.32.5 ua/2.1 os/linux lang/go#1.23.3 "
    "md/GOOS#linux md/GOARCH#amd64 api/iam#1.38.1"
)
ACTIONS_AGENT = (
    "configure-aws-credentials-for-github-actions aws-sdk-js/3.682.0 ua/2.1"
    " os/linux#6.8.0-1017-azure lang/js md/nodejs#20.18.0 api/sts#3.682.0"
)
LAMBDA_AGENT = "awslambda-worker/1.0 rusoto/0.48.0 rust/1.81.0 linux"
SDK_AGENT = (
    "aws-sdk-java/2.29.20 md/io#sync md/http#Apache ua/2.1 os/Linux#6.1.112-122.189.amzn2023.x86_64 lang/java#21.0.5 "
    "md/OpenJDK_64-Bit_Server_VM#21.0.5+11-LTS exec-env/AWS_ECS_FARGATE cfg/retry-mode#standard"
)
_APPS = (
    "orders", "billing", "catalog", "search", "checkout", "ledger", "media", "notify", "reports", "identity",
    "gateway", "pricing", "shipping", "returns", "loyalty", "invoices", "sessions", "exports", "imports", "metrics",
    "alerts", "audit-feed", "webhooks", "scheduler",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who works here: a name, two networks, a working day, tools."""

    name: str
    email: str
    office: str
    home: str
    utc_offset: int
    cli: str
    browser: str
    host: int

    def address(self, at_home: bool) -> str:
        """Return the address the person works from."""
        return f"{self.home if at_home else self.office}.{self.host}"


@dataclass(frozen=True, slots=True)
class Organisation:
    """What exists before the first event."""

    organization_id: str
    accounts: dict[str, str]
    offices: tuple[tuple[str, int], ...]
    runners: tuple[str, ...]
    saml_name: str
    ids: Entropy

    def account(self, kind: str) -> str:
        """Return the account id of ``management``, ``security``, ``shared``, ``prod``, ``staging`` or ``dev``."""
        return self.accounts[kind]

    def saml_provider(self, account_id: str) -> str:
        """Return the ARN of the identity provider in an account."""
        return f"arn:aws:iam::{account_id}:saml-provider/{self.saml_name}"

    def new_person(self, ids: Entropy) -> Person:
        """Return one more employee, with tools and networks like everybody's."""
        first, last = ids.pick(_FIRST), ids.pick(_LAST)
        office, offset = ids.pick(self.offices)
        name = f"{first}.{last}{ids.digits(2)}"
        return Person(
            name,
            f"{name}@{self.saml_name.lower()}.example",
            office,
            public_network(ids),
            offset,
            ids.pick(_CLI),
            ids.pick(_BROWSER),
            ids.between(2, 250),
        )

    def runner_address(self, ids: Entropy) -> str:
        """Return the address of one hosted CI runner: another one each run."""
        return f"{ids.pick(self.runners)}.{ids.between(2, 250)}"


def public_network(ids: Entropy) -> str:
    """Return the first three numbers of a public /24."""
    first = ids.pick((24, 31, 46, 62, 71, 77, 81, 84, 86, 90, 92, 98, 109, 151, 178, 188, 212))
    return f"{first}.{ids.between(1, 250)}.{ids.between(1, 250)}"


def cloud_address(ids: Entropy) -> str:
    """Return an address of AWS's own ranges, as compute has."""
    return f"{ids.pick((3, 18, 34, 52, 54))}.{ids.between(1, 250)}.{ids.between(1, 250)}.{ids.between(2, 250)}"


def new_role(ids: Entropy, account_id: str, name: str, path: str = "/") -> Role:
    """Return a role with a fresh unique id."""
    return Role(account_id, name, ids.unique_id("AROA"), path)


def new_user(ids: Entropy, account_id: str, name: str) -> User:
    """Return a user with a fresh unique id and key."""
    return User(account_id, name, ids.unique_id("AIDA"), ids.unique_id("AKIA"))


def app_name(ids: Entropy) -> str:
    """Return a workload's name, unique enough."""
    return f"{ids.pick(_APPS)}-{ids.hex(4)}"


def build_organisation(seed: int) -> Organisation:
    """Return the organisation of a seed; one account id starts with a zero, as real ones may."""
    ids = Entropy(seed, "organisation")
    accounts = {kind: ids.digits(12) for kind in _ACCOUNTS}
    accounts["staging"] = "0" + accounts["staging"][1:]
    return Organisation(
        organization_id=f"o-{ids.hex(10)}",
        accounts=accounts,
        offices=(
            (public_network(ids), 1),
            (public_network(ids), 0),
            (public_network(ids), -5),
            (public_network(ids), -8),
        ),
        runners=tuple(
            f"{ids.pick((4, 13, 20, 40, 52))}.{ids.between(1, 250)}.{ids.between(1, 250)}" for _ in range(40)
        ),
        saml_name=ids.pick(("Northwind", "Helio", "Aldgate", "Vantor")),
        ids=ids,
    )
